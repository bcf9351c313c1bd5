//! The program without its two streams: a line in, a line out.
//!
//! ```text
//! protocol           a line ──> Request, Arguments; an Answer ──> a line
//! failure            every error of the crate ──> its class
//! party, prekeys     what one party holds, in memory; saved: the same as bytes
//! general .. primitives   the commands, by topic: arguments ──> an Answer
//! ```
//!
//! A command reads all its arguments first, so that a malformed request is called that whatever else is wrong with it.
//! It works on copies and stores last, so that a failure changes nothing.
//!
//! Spec: interop, the line protocol.

mod certificates;
mod decryption_errors;
mod failure;
mod general;
mod groups;
mod party;
mod prekeys;
mod primitives;
mod protocol;
mod saved;
mod sealed;
mod sessions;

use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use failure::Failure;
use khaima_signal::ErrorClass;
use party::Parties;
use protocol::{Answer, Request, respond};

/// All parties of one process.
#[derive(Default)]
pub struct Program {
    parties: Parties,
}

impl Program {
    /// Answers line after line until the input ends, each answer flushed.
    ///
    /// # Errors
    ///
    /// Those of the two streams alone.
    pub fn serve(&mut self, mut input: impl BufRead, output: impl Write + Send) -> io::Result<()> {
        // Without a bound: a driver may send any number of requests before it reads the first answer, and would wait for us
        // for ever if we stopped reading to wait for it.
        let (answers, waiting) = mpsc::channel();
        thread::scope(|scope| {
            let writer = scope.spawn(move || write_lines(waiting, output));
            let mut line = Vec::new();
            while input.read_until(b'\n', &mut line)? > 0 {
                // Refused only when the output is closed; the writer says why.
                if answers.send(self.answer(&line)).is_err() {
                    break;
                }
                line.clear();
            }
            drop(answers);
            writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer panicked")))
        })
    }

    /// The response to one line, whatever the line is.
    pub fn answer(&mut self, line: &[u8]) -> String {
        let Some(request) = Request::parse(line) else {
            return respond(None, Err(Failure::bad_request("the line is not a JSON object")));
        };
        // A panic would be a defect of the crate. The driver learns of it as a class that is never expected, and of
        // every later one too, because the program goes on; parties are only changed after the last step that can fail.
        let answer = catch_unwind(AssertUnwindSafe(|| self.perform(&request)))
            .unwrap_or_else(|_| Err(Failure::new(ErrorClass::Internal, "the program panicked")));
        respond(request.id(), answer)
    }

    fn perform(&mut self, request: &Request<'_>) -> Answer {
        let (command, arguments) = request.command()?;
        let (parties, arguments) = (&mut self.parties, &arguments);
        match command.as_str() {
            "hello" => general::hello(),
            "new_party" => general::new_party(parties, arguments),
            "drop_party" => general::drop_party(parties, arguments),
            "save" => general::save(parties, arguments),
            "load" => general::load(parties, arguments),

            "bundle" => prekeys::bundle(parties, arguments),
            "prekeys" => prekeys::prekeys(parties, arguments),
            "process_bundle" => prekeys::process_bundle(parties, arguments),
            "encrypt" => sessions::encrypt(parties, arguments),
            "decrypt" => sessions::decrypt(parties, arguments),
            "session_info" => sessions::session_info(parties, arguments),
            "archive" => sessions::archive(parties, arguments),
            "delete_session" => sessions::delete_session(parties, arguments),
            "set_identity" => sessions::set_identity(parties, arguments),
            "forget_identity" => sessions::forget_identity(parties, arguments),
            "get_identity" => sessions::get_identity(parties, arguments),

            "decryption_error" => decryption_errors::decryption_error(arguments),
            "parse_decryption_error" => decryption_errors::parse_decryption_error(arguments),
            "ratchet_key_matches" => decryption_errors::ratchet_key_matches(parties, arguments),

            "group_create" => groups::group_create(parties, arguments),
            "group_reset" => groups::group_reset(parties, arguments),
            "group_process" => groups::group_process(parties, arguments),
            "group_encrypt" => groups::group_encrypt(parties, arguments),
            "group_decrypt" => groups::group_decrypt(parties, arguments),

            "server_certificate" => certificates::server_certificate(arguments),
            "sender_certificate" => certificates::sender_certificate(arguments),
            "validate_certificate" => certificates::validate_certificate(arguments),

            "ss1_encrypt" => sealed::ss1_encrypt(parties, arguments),
            "ss1_seal" => sealed::ss1_seal(parties, arguments),
            "ss_open" => sealed::ss_open(parties, arguments),
            "ss_decrypt" => sealed::ss_decrypt(parties, arguments),
            "ss2_encrypt" => sealed::ss2_encrypt(parties, arguments),
            "ss2_split" => sealed::ss2_split(arguments),

            "agree" => primitives::agree(arguments),
            "sign" => primitives::sign(arguments),
            "verify" => primitives::verify(arguments),
            "public_key" => primitives::public_key(arguments),
            "sign_alternate_identity" => primitives::sign_alternate_identity(arguments),
            "verify_alternate_identity" => primitives::verify_alternate_identity(arguments),
            "fingerprint" => primitives::fingerprint(arguments),
            "fingerprint_compare" => primitives::fingerprint_compare(arguments),

            other => Err(Failure::bad_request(format!("there is no command {other:?}"))),
        }
    }
}

fn write_lines(lines: mpsc::Receiver<String>, mut output: impl Write) -> io::Result<()> {
    for line in lines {
        writeln!(output, "{line}")?;
        output.flush()?;
    }
    Ok(())
}
