//! What the caller hears: statuses, headers and bodies of answers.

use super::{Request, request, send};
use crate::api::{ApiError, Outcome};

#[test]
fn health_needs_nothing_and_has_no_body() {
    // A1 (the answer)
    for method in ["HEAD", "GET"] {
        let health = request(method, "/api/health?api-version=1").audience(None);
        let answer = health.refused();
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(answer.header("Content-Length"), Some("0"));
        let draining = Request { is_serving: false, ..health }.refused();
        assert_eq!((draining.status, draining.body.as_str()), (503, ""));
        assert_eq!(draining.header("Retry-After"), Some("5"));
    }
    assert_eq!(request("POST", "/api/health").refused().header("Allow"), Some("GET, HEAD"));
}

#[test]
fn successes_have_the_status_of_their_operation() {
    // A2, A5, A7, A8, A10 to A16 (the answers)
    let hub = "/api/hubs/chat";
    let bulk = format!("{hub}/:addToGroups");
    for (method, path, status) in [
        ("POST", format!("{hub}/:send"), 202),
        ("POST", format!("{hub}/users/u/:send"), 202),
        ("HEAD", format!("{hub}/connections/c"), 200),
        ("DELETE", format!("{hub}/connections/c"), 204),
        ("POST", format!("{hub}/groups/g/:closeConnections"), 204),
        ("PUT", format!("{hub}/groups/g/connections/c"), 200),
        ("DELETE", format!("{hub}/groups/g/connections/c"), 204),
        ("DELETE", format!("{hub}/connections/c/groups"), 204),
        ("PUT", format!("{hub}/users/u/groups/g"), 200),
        ("DELETE", format!("{hub}/users/u/groups/g"), 204),
        ("POST", bulk, 200),
        ("PUT", format!("{hub}/permissions/sendToGroup/connections/c"), 200),
        ("DELETE", format!("{hub}/permissions/sendToGroup/connections/c"), 204),
        ("HEAD", format!("{hub}/permissions/sendToGroup/connections/c"), 200),
    ] {
        let answer = request(method, &path).answer(&Outcome::Done);
        assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{method} {path}");
        let length = (status != 204).then_some("0");
        assert_eq!(answer.header("Content-Length"), length, "{method} {path}");
        assert_eq!(answer.header("Content-Type"), None);
        assert_eq!(answer.header("x-ms-error-code"), None);
        assert_eq!(answer.header("Connection"), Some("keep-alive"));
    }
}

#[test]
fn absences_name_what_is_absent() {
    // A6, A9, A11, A14, A16
    let hub = "/api/hubs/chat";
    for (method, path, code) in [
        ("HEAD", format!("{hub}/connections/c"), "Warning.Connection.NotExisted"),
        ("HEAD", format!("{hub}/groups/g"), "Warning.Group.NotExisted"),
        ("HEAD", format!("{hub}/users/u"), "Warning.User.NotExisted"),
        (
            "HEAD",
            format!("{hub}/permissions/sendToGroup/connections/c"),
            "Warning.Permission.NotExisted",
        ),
        ("PUT", format!("{hub}/groups/g/connections/c"), "Error.Connection.NotExisted"),
        ("PUT", format!("{hub}/users/u/groups/g"), "Warning.User.NotExisted"),
        (
            "PUT",
            format!("{hub}/permissions/sendToGroup/connections/c"),
            "Error.Connection.NotExisted",
        ),
    ] {
        let answer = request(method, &path).answer(&Outcome::Absent);
        assert_eq!((answer.status, answer.header("x-ms-error-code")), (404, Some(code)), "{path}");
        // A43
        if method == "HEAD" {
            assert_eq!((answer.body.as_str(), answer.header("Content-Length")), ("", Some("0")));
        } else {
            assert_eq!(answer.json()["code"], code);
            assert_eq!(answer.header("Content-Type"), Some("application/json"));
        }
    }
}

#[test]
fn every_error_is_one_flat_object_with_its_code_in_a_header() {
    // A43
    let path = "/api/hubs/chat/:send";
    for error in [
        ApiError::too_many_requests(7),
        ApiError::unavailable(7),
        ApiError::internal(),
        ApiError::invalid("top"),
    ] {
        let answer = request("POST", path).answer(&error.clone().into());
        assert_eq!(answer.status, error.status());
        let body = answer.json();
        assert_eq!(answer.header("x-ms-error-code"), body["code"].as_str());
        assert!(body["message"].is_string() && body["target"].is_string());
        let length = answer.body.len().to_string();
        assert_eq!(answer.header("Content-Length"), Some(length.as_str()));
        let retries = matches!(error.status(), 429 | 503).then_some("7");
        assert_eq!(answer.header("Retry-After"), retries);
    }
}

#[test]
fn the_callers_request_id_comes_back_if_it_is_fit_for_a_header() {
    let echoed = |id: &str| {
        let request = request("HEAD", "/api/hubs/chat/users/u");
        let answer = request.header("x-ms-client-request-id", id).answer(&Outcome::Done);
        answer.header("x-ms-client-request-id").map(str::to_owned)
    };
    assert_eq!(echoed("0f8fad5b-d9cb").as_deref(), Some("0f8fad5b-d9cb"));
    for id in ["", "é", "a\tb", &"x".repeat(129)] {
        assert_eq!(echoed(id), None, "{id:?}");
    }
}

#[test]
fn a_connection_is_closed_if_the_caller_wants_it_or_a_body_stays_unread() {
    let close = |request: Request| {
        let (exchange, _) = request.run();
        !exchange.is_keep_alive()
    };
    assert!(!close(send("text/plain", "hi")));
    assert!(close(send("text/plain", "hi").header("Connection", "close")));
    assert!(close(send("text/plain", "hi").audience(None)));
    assert!(!close(request("HEAD", "/api/hubs/chat/users/u").audience(None)));
}
