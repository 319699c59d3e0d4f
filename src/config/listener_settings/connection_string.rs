//! Connection strings of Event Hubs and Service Bus (`events-listener.md` section 5.2.2):
//! `Endpoint=sb://HOST/;SharedAccessKeyName=NAME;SharedAccessKey=KEY`, perhaps with `EntityPath` and
//! `UseDevelopmentEmulator`.
//!
//! Names are compared ignoring case and their order does not matter. Names that mean nothing here
//! are passed over: other clients of the broker have options there. What went wrong is told without
//! any part of the string.

use super::authority::HostPort;
use crate::event::destination::SharedAccessKey;
use crate::event::secret::Secret;

/// What a connection string says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConnectionString {
    /// In its normal form.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) key: SharedAccessKey,
    pub(super) entity: Option<String>,
    pub(super) is_for_emulator: bool,
}

impl ConnectionString {
    /// # Errors
    /// The reason why it is none.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let [mut endpoint, mut name, mut key, mut entity, mut emulator] = [None; 5];
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            // At the first: a key is Base64, which may end in more.
            let (word, value) = part.split_once('=').ok_or("it has a part without a value")?;
            let field = match word.trim_end().to_ascii_lowercase().as_str() {
                "endpoint" => &mut endpoint,
                "sharedaccesskeyname" => &mut name,
                "sharedaccesskey" => &mut key,
                "entitypath" => &mut entity,
                "usedevelopmentemulator" => &mut emulator,
                _ => continue,
            };
            if field.replace(value.trim_start()).is_some() {
                return Err("it has a part twice");
            }
        }
        let endpoint = filled(endpoint).ok_or("it has no Endpoint")?;
        let HostPort { host, port, .. } =
            parse_endpoint(endpoint).ok_or("its Endpoint is not like sb://HOST/")?;
        let name = filled(name).ok_or("it has no SharedAccessKeyName")?.to_owned();
        let key = Secret::new(filled(key).ok_or("it has no SharedAccessKey")?);
        let is_for_emulator = match emulator.map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err("its UseDevelopmentEmulator is neither true nor false"),
        };
        let entity = filled(entity).map(str::to_owned);
        Ok(Self { host, port, key: SharedAccessKey { name, key }, entity, is_for_emulator })
    }
}

fn filled(field: Option<&str>) -> Option<&str> {
    field.filter(|value| !value.is_empty())
}

fn parse_endpoint(text: &str) -> Option<HostPort<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    HostPort::parse(authority).filter(|_| scheme.eq_ignore_ascii_case("sb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_stand_in_any_order() {
        let portal = "Endpoint=sb://NS.example/;SharedAccessKeyName=send;SharedAccessKey=a+b=";
        let mut expected = ConnectionString {
            host: "ns.example".to_owned(),
            port: None,
            key: SharedAccessKey { name: "send".to_owned(), key: Secret::new("a+b=") },
            entity: None,
            is_for_emulator: false,
        };
        assert_eq!(ConnectionString::parse(portal).as_ref(), Ok(&expected));
        expected.entity = Some("events".to_owned());
        expected.is_for_emulator = true;
        expected.port = Some(5673);
        let emulator = " sharedaccesskey = a+b= ; USEDEVELOPMENTEMULATOR=True;TransportType=Amqp;\
                        EntityPath=events;SharedAccessKeyName=send;Endpoint=SB://ns.example:5673;";
        assert_eq!(ConnectionString::parse(emulator).as_ref(), Ok(&expected));
    }

    #[test]
    fn what_is_missing_is_named() {
        let (endpoint, name, key) =
            ("Endpoint=sb://h/", "SharedAccessKeyName=n", "SharedAccessKey=k");
        for (text, reason) in [
            (String::new(), "it has no Endpoint"),
            (format!("{name};{key}"), "it has no Endpoint"),
            (format!("Endpoint=https://h/;{name};{key}"), "its Endpoint is not like sb://HOST/"),
            (format!("Endpoint=sb://h/p/;{name};{key}"), "its Endpoint is not like sb://HOST/"),
            (format!("Endpoint=sb://;{name};{key}"), "its Endpoint is not like sb://HOST/"),
            (format!("{endpoint};{key}"), "it has no SharedAccessKeyName"),
            (format!("{endpoint};{name}"), "it has no SharedAccessKey"),
            (format!("{endpoint};{name};SharedAccessKey="), "it has no SharedAccessKey"),
            (format!("{endpoint};{name};{key};{key}"), "it has a part twice"),
            (format!("{endpoint};{name};{key};secret"), "it has a part without a value"),
            (
                format!("{endpoint};{name};{key};UseDevelopmentEmulator=1"),
                "its UseDevelopmentEmulator is neither true nor false",
            ),
        ] {
            assert_eq!(ConnectionString::parse(&text), Err(reason), "{text}");
        }
    }
}
