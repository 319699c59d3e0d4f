//! The kinds of requests: one per published operation (`rest-api.md` section 6.1).
//!
//! A [`Category`] is known as soon as the path is, long before the request is valid, and is all
//! that the rest of a request's life needs to know of it: the metric it counts under
//! (`operations.md` section 2.3), the role it takes (section 3.4.3), the status of its success, and
//! the code of its `404`.

/// What kind of request this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    HealthCheck,
    SendToAll,
    SendToGroup,
    SendToUser,
    SendToConnection,
    CheckConnectionExists,
    CheckGroupExists,
    CheckUserExists,
    CloseClientConnection,
    CloseAllConnections,
    CloseGroupConnections,
    CloseUserConnections,
    AddConnectionToGroup,
    RemoveConnectionFromGroup,
    RemoveConnectionFromAllGroups,
    AddUserToGroup,
    RemoveUserFromGroup,
    RemoveUserFromAllGroups,
    AddConnectionsToGroups,
    RemoveConnectionsFromGroups,
    ListConnectionsInGroup,
    GrantPermission,
    RevokePermission,
    CheckPermission,
    GenerateClientToken,
    /// An unknown path, or a known one with another method.
    Uncategorized,
}

use Category::*;

impl Category {
    /// Every category, in the order of its index (`category as usize`).
    pub const ALL: [Self; 26] = [
        HealthCheck,
        SendToAll,
        SendToGroup,
        SendToUser,
        SendToConnection,
        CheckConnectionExists,
        CheckGroupExists,
        CheckUserExists,
        CloseClientConnection,
        CloseAllConnections,
        CloseGroupConnections,
        CloseUserConnections,
        AddConnectionToGroup,
        RemoveConnectionFromGroup,
        RemoveConnectionFromAllGroups,
        AddUserToGroup,
        RemoveUserFromGroup,
        RemoveUserFromAllGroups,
        AddConnectionsToGroups,
        RemoveConnectionsFromGroups,
        ListConnectionsInGroup,
        GrantPermission,
        RevokePermission,
        CheckPermission,
        GenerateClientToken,
        Uncategorized,
    ];

    /// The names of all, in the order of their index.
    pub const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = Self::ALL[index].name();
            index += 1;
        }
        names
    };

    /// The name in metrics (`operations.md` section 2.3).
    pub const fn name(self) -> &'static str {
        match self {
            HealthCheck => "HealthCheck",
            SendToAll => "SendToAll",
            SendToGroup => "SendToGroup",
            SendToUser => "SendToUser",
            SendToConnection => "SendToConnection",
            CheckConnectionExists => "CheckConnectionExists",
            CheckGroupExists => "CheckGroupExists",
            CheckUserExists => "CheckUserExists",
            CloseClientConnection => "CloseClientConnection",
            CloseAllConnections => "CloseAllConnections",
            CloseGroupConnections => "CloseGroupConnections",
            CloseUserConnections => "CloseUserConnections",
            AddConnectionToGroup => "AddConnectionToGroup",
            RemoveConnectionFromGroup => "RemoveConnectionFromGroup",
            RemoveConnectionFromAllGroups => "RemoveConnectionFromAllGroups",
            AddUserToGroup => "AddUserToGroup",
            RemoveUserFromGroup => "RemoveUserFromGroup",
            RemoveUserFromAllGroups => "RemoveUserFromAllGroups",
            AddConnectionsToGroups => "AddConnectionsToGroups",
            RemoveConnectionsFromGroups => "RemoveConnectionsFromGroups",
            ListConnectionsInGroup => "ListConnectionsInGroup",
            GrantPermission => "GrantPermission",
            RevokePermission => "RevokePermission",
            CheckPermission => "CheckPermission",
            GenerateClientToken => "GenerateClientToken",
            Uncategorized => "Uncategorized",
        }
    }

    /// Whether the Reader role is enough (section 3.4.3).
    pub const fn is_read_only(self) -> bool {
        matches!(
            self,
            HealthCheck
                | CheckConnectionExists
                | CheckGroupExists
                | CheckUserExists
                | CheckPermission
                | ListConnectionsInGroup
        )
    }

    /// The status of success (section 6.1). SDKs compare it exactly.
    pub const fn success_status(self) -> u16 {
        match self {
            SendToAll | SendToGroup | SendToUser | SendToConnection => 202,
            CloseClientConnection
            | CloseAllConnections
            | CloseGroupConnections
            | CloseUserConnections
            | RemoveConnectionFromGroup
            | RemoveConnectionFromAllGroups
            | RemoveUserFromGroup
            | RemoveUserFromAllGroups
            | RevokePermission => 204,
            _ => 200,
        }
    }

    /// The code and text of a `404` (section 5.1.3).
    pub const fn absence(self) -> (&'static str, &'static str) {
        match self {
            AddConnectionToGroup | GrantPermission => {
                ("Error.Connection.NotExisted", "The connection does not exist.")
            }
            CheckConnectionExists => {
                ("Warning.Connection.NotExisted", "The connection does not exist.")
            }
            CheckGroupExists => ("Warning.Group.NotExisted", "The group has no connections."),
            CheckUserExists | AddUserToGroup => {
                ("Warning.User.NotExisted", "The user has no connections.")
            }
            // No source names this one; it follows the pattern of its siblings.
            CheckPermission => {
                ("Warning.Permission.NotExisted", "The connection lacks the permission.")
            }
            _ => ("Error.NotFound", "There is nothing at this path."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_the_index_of_its_name() {
        for (index, category) in Category::ALL.into_iter().enumerate() {
            assert_eq!(category as usize, index);
            assert_eq!(category.name(), format!("{category:?}"));
        }
    }
}
