//! The agent's socket: a program that has unlocked a vault answers calls for it, so that the passphrase is typed once.
//!
//! The socket lies in the person's runtime directory (or in the data directory where there is none), mode 0600 in a directory
//! of mode 0700. Whoever can open it could read the process too. Each line is a [`Call`], each answer line `{"ok": Answer}` or
//! `{"err": CallError}`. `listen` answers many times. A passphrase never passes over it.

use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::handle::Api;
use super::types::{Answer, Call, CallError};

/// A call or answer of more bytes than this is refused.
const MAX_LINE: u64 = 1024 * 1024;
/// Answers waiting for a slow reader.
const QUEUE: usize = 64;

/// One answer line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// It worked.
    Ok(Answer),
    /// It did not.
    Err(CallError),
}

/// Where the socket of a data directory lies.
///
/// # Errors
/// The data directory does not exist, or the runtime directory cannot be made.
pub fn socket_path(data: &Path) -> io::Result<PathBuf> {
    let data = data.canonicalize()?;
    let Some(runtime) =
        std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute())
    else {
        return Ok(data.join("agent.sock"));
    };
    let dir = runtime.join("khaima");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700))?;
    let digest = Sha256::digest(data.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(dir.join(format!("{name}.sock")))
}

/// Answers calls until dropped; removes its socket then.
pub struct Agent {
    path: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Agent {
    /// Starts answering on the socket of this data directory. The vault's own lock says who may: a socket left behind by
    /// a process that died is replaced. `on_lock` is called once somebody asks to lock.
    ///
    /// Must be called within the client's tokio runtime.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn start(data: &Path, api: Api, on_lock: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        let path = socket_path(data)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let task = tokio::spawn(accept(listener, api, Arc::new(on_lock)));
        Ok(Self { path, task })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
        // Left behind it only makes the next caller look twice.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, api: Api, on_lock: Arc<dyn Fn() + Send + Sync>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, api.clone(), Arc::clone(&on_lock)));
            }
            // Out of descriptors, most likely: they come back when others end.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
        }
    }
}

async fn serve(stream: UnixStream, api: Api, on_lock: Arc<dyn Fn() + Send + Sync>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = Zeroizing::new(Vec::new());
        match (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(count) if count > 0 => {}
            _ => return,
        }
        let Ok(call) = serde_json::from_slice::<Call>(&line) else {
            let refused = CallError::Refused { why: "not_a_call".to_owned() };
            let _ = answer(&mut write, &Line::Err(refused)).await;
            return;
        };
        if matches!(call, Call::Lock) {
            let _ = answer(&mut write, &Line::Ok(Answer::Done)).await;
            on_lock();
            return;
        }
        let listens = matches!(call, Call::Listen);
        let (news, mut more) = mpsc::channel(QUEUE);
        let api = api.clone();
        let calling = tokio::task::spawn_blocking(move || {
            api.call(call, &mut |answer| match answer {
                Some(answer) => news.blocking_send(answer).is_ok(),
                None => !news.is_closed(),
            })
        });
        while let Some(item) = more.recv().await {
            if answer(&mut write, &Line::Ok(item)).await.is_err() {
                return;
            }
        }
        let line = match calling.await {
            Ok(Ok(answer)) => Line::Ok(answer),
            Ok(Err(error)) => Line::Err(error),
            Err(_) => Line::Err(CallError::Ending),
        };
        if answer(&mut write, &line).await.is_err() || listens {
            return;
        }
    }
}

async fn answer(write: &mut tokio::net::unix::OwnedWriteHalf, line: &Line) -> io::Result<()> {
    let mut bytes = Zeroizing::new(serde_json::to_vec(line)?);
    bytes.push(b'\n');
    write.write_all(&bytes).await
}

/// Asks the agent of a data directory. `None` when there is no agent. `news` gets every answer but the last, and ends the
/// call by answering false. Blocks; to be called outside a tokio runtime.
///
/// # Errors
/// What the call itself answered, or that the agent went away.
pub fn ask(
    data: &Path,
    call: &Call,
    news: &mut dyn FnMut(Answer) -> bool,
) -> Option<Result<Answer, CallError>> {
    use std::io::{BufRead, BufReader, Write};
    let path = socket_path(data).ok()?;
    let mut stream = std::os::unix::net::UnixStream::connect(path).ok()?;
    let mut line = Zeroizing::new(serde_json::to_vec(call).ok()?);
    line.push(b'\n');
    stream.write_all(&line).ok()?;
    let listens = matches!(call, Call::Listen);
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Zeroizing::new(String::new());
        match reader.read_line(&mut line) {
            Ok(count) if count > 0 => {}
            _ => return Some(Err(CallError::Ending)),
        }
        match serde_json::from_str(&line) {
            Ok(Line::Ok(answer)) if listens => {
                if !news(answer) {
                    return Some(Ok(Answer::Done));
                }
            }
            Ok(Line::Ok(answer)) => return Some(Ok(answer)),
            Ok(Line::Err(error)) => return Some(Err(error)),
            Err(_) => return Some(Err(CallError::Refused { why: "other_version".to_owned() })),
        }
    }
}
