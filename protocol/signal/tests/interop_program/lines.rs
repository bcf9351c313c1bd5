//! What a line may be, and what comes back.
//!
//! Spec: interop 1 Transport.

use std::io::{self, BufReader, Read, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

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
struct Output(Arc<Mutex<(Vec<u8>, Vec<usize>)>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let (written, flushes) = &mut *self.0.lock().unwrap();
        flushes.push(written.len());
        Ok(())
    }
}

#[test]
fn each_line_gets_one_line_in_order_and_each_is_flushed() {
    let input = b"{\"id\": 1, \"cmd\": \"hello\"}\n\n{\"id\": 2}\nnonsense\n{\"id\": 3, \"cmd\": \"hello\"}";
    let output = Output::default();
    Program::default().serve(&input[..], output.clone()).unwrap();

    let (written, flushes) = &*output.0.lock().unwrap();
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
    assert_eq!(output.0.lock().unwrap().0.iter().filter(|byte| **byte == b'\n').count(), 1);

    let output = Output::default();
    Program::default().serve(&b""[..], output.clone()).unwrap();
    assert!(output.0.lock().unwrap().0.is_empty());
}

/// Requests that are read by nobody until all have been sent.
struct Impatient {
    requests: io::Cursor<Vec<u8>>,
    all_sent: mpsc::Sender<()>,
}

impl Read for Impatient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.requests.read(buffer)?;
        if read == 0 {
            self.all_sent.send(()).unwrap();
        }
        Ok(read)
    }
}

/// Where answers go that nobody reads before all requests have been sent.
struct Unread(Option<mpsc::Receiver<()>>);

impl Write for Unread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(all_sent) = self.0.take() {
            // The time only ends a test that would wait for ever.
            all_sent.recv_timeout(Duration::from_secs(30)).map_err(io::Error::other)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn all_requests_may_be_sent_before_the_first_answer_is_read() {
    let (all_sent, waiting) = mpsc::channel();
    let requests = io::Cursor::new("{\"cmd\": \"hello\"}\n".repeat(25_000).into_bytes());
    let input = BufReader::new(Impatient { requests, all_sent });
    Program::default().serve(input, Unread(Some(waiting))).unwrap();
}

#[test]
fn a_closed_output_is_an_error_and_not_a_panic() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = Program::default().serve(&b"\n\n\n"[..], Closed).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}
