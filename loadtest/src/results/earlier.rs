//! Reports of earlier versions, so that archived results can be compared with today's: what was
//! called or placed otherwise gets the name and the place it has now.

use serde_json::{Map, Value, json};

/// Changes the result of a report; one of today stays as it is.
pub(super) fn bring_up_to_date(result: &mut Value) {
    name_rows(result);
    list_the_yardstick(result);
}

/// The rows of `limit --mode stream` had no names, and one engine.
fn name_rows(result: &mut Value) {
    let Some(rows) = result.get_mut("rows").and_then(Value::as_array_mut) else { return };
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(frames_per_write) = row.get("asked_frames_per_write").and_then(Value::as_u64) {
            row.entry("name").or_insert_with(|| format!("epoll {frames_per_write}").into());
        }
    }
}

/// The minimal writer was the only server to be put beside another, and its ratios had no names.
fn list_the_yardstick(result: &mut Value) {
    let Some(members) = result.as_object_mut() else { return };
    let Some(mut report) = members.remove("yardstick") else { return };
    // It had the rate that the server's closed loop had led to, as if that had been asked for.
    if let (Some(Value::Object(settings)), Some(server)) =
        (report.get_mut("settings"), members.get("server"))
    {
        settings.insert("rate".into(), server["settings"]["rate"].clone());
    }
    let mut ratios = Map::new();
    if let (Some(Value::Array(phases)), Some(Value::Array(values))) =
        (report.get("phases"), members.remove("cpu_ratios"))
    {
        let names = phases.iter().filter_map(|phase| phase["name"].as_str());
        ratios.extend(names.map(str::to_owned).zip(values));
    }
    let version = "minimal writer, coalescing";
    let minimal = json!({
        "name": "minimal writer", "version": version, "report": report, "ratios": ratios,
    });
    members.insert("beside".into(), json!([minimal]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brought(mut result: Value) -> Value {
        bring_up_to_date(&mut result);
        result
    }

    #[test]
    fn rows_of_a_stream_are_of_the_one_engine_there_was() {
        let named = json!({"rows": [{"name": "io-uring 8", "asked_frames_per_write": 8}]});
        assert_eq!(brought(named.clone()), named);
        let earlier = brought(json!({"rows": [{"asked_frames_per_write": 8}]}));
        assert_eq!(earlier["rows"][0]["name"], "epoll 8");
    }

    #[test]
    fn a_yardstick_is_one_of_those_beside_the_server() {
        let phases = json!([{"name": "closed loop"}, {"name": "fixed rate"}]);
        let earlier = json!({
            "server": {"settings": {"window": 1, "rate": null}, "phases": phases},
            "yardstick": {"settings": {"window": 1, "rate": 52891.5}, "phases": phases},
            "cpu_ratios": [1.5, null],
        });
        let brought = brought(earlier);
        let minimal = &brought["beside"][0];
        assert_eq!(
            (&minimal["name"], &minimal["report"]["phases"]),
            (&json!("minimal writer"), &phases)
        );
        assert_eq!(minimal["report"]["settings"], json!({"window": 1, "rate": null}));
        assert_eq!(minimal["ratios"], json!({"closed loop": 1.5, "fixed rate": null}));
        assert_eq!((brought.get("yardstick"), brought.get("cpu_ratios")), (None, None));
    }
}
