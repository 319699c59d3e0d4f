//! What the schedules of a run have come by: those that never come by something show nothing of it.

/// Counts of one seed, or of all.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Messages that clients have received, apart from replies.
    pub(crate) delivered: usize,
    /// Clients not read from because a channel was full.
    pub(crate) blocked: usize,
    /// Clients left alone because too much waited behind their event.
    pub(crate) held: usize,
    /// Requests of the application.
    pub(crate) answered: usize,
    /// Events that the application has answered.
    pub(crate) events: usize,
    /// Events that its gate refused.
    pub(crate) refused: usize,
    pub(crate) recovered: usize,
    /// Connections whose client came too late, or never.
    pub(crate) given_up: usize,
    /// Sockets that came for a connection they could not have.
    pub(crate) turned_away: usize,
    /// Messages that came again after a recovery.
    pub(crate) known: usize,
    /// Frames the sockets took.
    pub(crate) written: usize,
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.blocked += other.blocked;
        self.held += other.held;
        self.answered += other.answered;
        self.events += other.events;
        self.refused += other.refused;
        self.recovered += other.recovered;
        self.given_up += other.given_up;
        self.turned_away += other.turned_away;
        self.known += other.known;
        self.written += other.written;
    }

    /// Whether so many seeds have come by enough of everything: a third of the usual, or less.
    pub(crate) fn check(&self, seeds: u64) {
        let seeds = usize::try_from(seeds).expect("small");
        let least = [
            (self.delivered, 100 * seeds),
            (self.blocked, 5 * seeds),
            (self.held, seeds / 3),
            (self.answered, 5 * seeds),
            (self.events, 20 * seeds),
            (self.refused, seeds),
            (self.recovered, 2 * seeds),
            (self.given_up, seeds),
            (self.turned_away, seeds),
            (self.known, 20 * seeds),
            (self.written, 300 * seeds),
        ];
        assert!(least.iter().all(|(found, least)| found >= least), "too little of one: {self:?}");
    }
}
