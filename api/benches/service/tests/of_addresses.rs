use serde_json::json;

use crate::placeholders::filled;

#[test]
fn braces_name_fields_of_the_answer() {
    let answer = json!({"id": "7", "name": "7.jpg", "size": 1});
    for (path, expected) in [
        ("/uploads/{name}", "/uploads/7.jpg"),
        ("/{id}/of/{name}?x=1", "/7/of/7.jpg?x=1"),
        ("/fixed", "/fixed"),
    ] {
        assert_eq!(filled(path, &answer).unwrap(), expected);
    }
    for path in ["/{missing}", "/{size}", "/{name"] {
        assert!(filled(path, &answer).is_err(), "{path}");
    }
}
