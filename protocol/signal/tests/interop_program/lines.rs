//! What a line may be, and what comes back.
//!
//! Spec: interop 1 Transport.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use serde_json::{Value, json};

use crate::program::Program;

fn answer(line: &[u8]) -> Value {
    serde_json::from_str(&Program::default().answer(line)).unwrap()
}

fn assert_bad_request(line: &[u8], id: &Value) {
    let response = answer(line);
    let seen = String::from_utf8_lossy(line).chars().take(60).collect::<String>();
    assert_eq!(response["ok"], json!(false), "{seen}");
    assert_eq!(response["error"], json!("bad_request"), "{seen}");
    assert_eq!(&response["id"], id, "{seen}");
    assert!(response.as_object().unwrap().contains_key("id"), "{seen}");
}

#[test]
fn what_is_no_json_object_is_a_bad_request_without_id() {
    let lines: [&[u8]; 16] = [
        b"",
        b" \t\r",
        b"null",
        b"7",
        b"\"hello\"",
        b"[{\"id\": 1, \"cmd\": \"hello\"}]",
        b"{",
        b"{\"id\": 1, \"cmd\": \"hello\"",
        b"{\"id\": 1, \"cmd\": \"hello\"} {}",
        b"{\"id\": 1, \"cmd\": \"hello\",}",
        b"{id: 1}",
        b"{\"id\": 01}",
        b"{\"id\": 1, \"cmd\": \"he\xFFllo\"}",
        b"\xFE\xFF",
        b"\xEF\xBB\xBF{\"id\": 1, \"cmd\": \"hello\"}",
        b"{\"id\": 1, \"cmd\": \"hello\"}\0",
    ];
    for line in lines {
        assert_bad_request(line, &Value::Null);
    }
}

#[test]
fn an_object_without_a_command_is_a_bad_request_with_its_id() {
    assert_bad_request(b"{}", &Value::Null);
    assert_bad_request(b"{\"id\": null}", &Value::Null);
    for cmd in ["", ", \"cmd\": null", ", \"cmd\": 7", ", \"cmd\": [\"hello\"]", ", \"command\": \"hello\""] {
        assert_bad_request(format!("{{\"id\": 5{cmd}}}").as_bytes(), &json!(5));
    }
}

#[test]
fn commands_are_known_by_their_exact_names() {
    for cmd in ["", "Hello", "hello ", "exit", "bad_request"] {
        assert_bad_request(format!("{{\"id\": \"x\", \"cmd\": \"{cmd}\"}}").as_bytes(), &json!("x"));
    }
}

#[test]
fn ids_come_back_as_they_came() {
    let ids = [
        "7",
        "-1",
        "2.50",
        "123456789012345678901234567890",
        "1e999",
        "\"a\\u0041\\n\"",
        "{\"b\": [1,  2], \"a\": null}",
        "true",
        "null",
        "\"\\ud800\"",
    ];
    for id in ids {
        let response = Program::default().answer(format!("{{\"id\": {id} , \"cmd\": \"hello\"}}").as_bytes());
        assert!(response.starts_with(&format!("{{\"id\":{id},\"ok\":true,")), "{response}");
    }
    assert_eq!(answer(b"{\"cmd\": \"hello\"}")["id"], Value::Null);
}

#[test]
fn hello_names_the_program_and_the_protocol() {
    let response = answer(b"{\"cmd\": \"hello\", \"id\": 3, \"something\": {\"else\": []}}\r");
    assert!(response["name"].is_string());
    assert_eq!(response["protocol"], json!(1));
    assert_eq!(response["ok"], json!(true));
}

#[test]
fn endless_nesting_is_an_error_and_not_the_end() {
    for open in ["[", "{\"id\":", "{\"cmd\":[", "{\"a\":"] {
        assert_bad_request(open.repeat(200_000).as_bytes(), &Value::Null);
    }
    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    for field in ["cmd", "party"] {
        let line = format!("{{\"id\": 1, \"cmd\": \"save\", \"{field}\": {nested}}}");
        assert_bad_request(line.as_bytes(), &json!(1));
    }
    let line = format!(
        "{{\"id\": 1, \"cmd\": \"validate_certificate\", \"certificate\": \"\", \"trust_roots\": {nested}}}"
    );
    assert_bad_request(line.as_bytes(), &json!(1));
}

/// Remembers what had been written at each flush.
#[derive(Clone, Default)]
struct Output(Rc<RefCell<(Vec<u8>, Vec<usize>)>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let (written, flushes) = &mut *self.0.borrow_mut();
        flushes.push(written.len());
        Ok(())
    }
}

#[test]
fn each_line_gets_one_line_in_order_and_each_is_flushed() {
    let input = b"{\"id\": 1, \"cmd\": \"hello\"}\n\n{\"id\": 2}\nnonsense\n{\"id\": 3, \"cmd\": \"hello\"}";
    let output = Output::default();
    Program::default().serve(&input[..], output.clone()).unwrap();

    let (written, flushes) = &*output.0.borrow();
    let text = std::str::from_utf8(written).unwrap();
    let ids: Vec<Value> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].take()).collect();
    assert_eq!(ids, [json!(1), Value::Null, json!(2), Value::Null, json!(3)]);
    let ends: Vec<usize> = text.match_indices('\n').map(|(position, _)| position + 1).collect();
    assert_eq!(ends.last(), Some(&text.len()));
    assert_eq!(flushes, &ends);
}

#[test]
fn an_input_that_ends_after_a_line_end_asks_nothing_more() {
    let output = Output::default();
    Program::default().serve(&b"{\"cmd\": \"hello\"}\n"[..], output.clone()).unwrap();
    assert_eq!(output.0.borrow().0.iter().filter(|byte| **byte == b'\n').count(), 1);

    let output = Output::default();
    Program::default().serve(&b""[..], output.clone()).unwrap();
    assert!(output.0.borrow().0.is_empty());
}
