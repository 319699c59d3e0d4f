//! Reports of earlier versions, so that archived results can be compared with today's: what was
//! called or placed otherwise gets the name and the place it has now.

use serde_json::Value;

/// Changes the result of a report; one of today stays as it is.
pub(super) fn bring_up_to_date(result: &mut Value) {
    name_rows(result);
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

#[cfg(test)]
mod tests {
    use serde_json::json;

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
}
