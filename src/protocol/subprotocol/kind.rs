//! The subprotocols by name (`client-connect.md` section 6).

/// How messages of PubSub clients are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Json,
    Protobuf,
}

/// One of the subprotocols that this server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subprotocol {
    Json,
    JsonReliable,
    Protobuf,
    ProtobufReliable,
}

impl Subprotocol {
    pub const ALL: [Self; 4] =
        [Self::Json, Self::JsonReliable, Self::Protobuf, Self::ProtobufReliable];

    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json.webpubsub.azure.v1",
            Self::JsonReliable => "json.reliable.webpubsub.azure.v1",
            Self::Protobuf => "protobuf.webpubsub.azure.v1",
            Self::ProtobufReliable => "protobuf.reliable.webpubsub.azure.v1",
        }
    }

    /// The subprotocol of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subprotocol| subprotocol.name().eq_ignore_ascii_case(name))
    }

    pub fn encoding(self) -> Encoding {
        match self {
            Self::Json | Self::JsonReliable => Encoding::Json,
            Self::Protobuf | Self::ProtobufReliable => Encoding::Protobuf,
        }
    }

    /// Whether messages are numbered and a lost transport can be replaced
    /// (`client-json.md` section 6).
    pub fn is_reliable(self) -> bool {
        matches!(self, Self::JsonReliable | Self::ProtobufReliable)
    }
}
