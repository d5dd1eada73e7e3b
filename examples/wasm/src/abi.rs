//! What the module exports.
//!
//! An instance holds one session; a host that wants another one makes another instance. Everything goes through the instance's
//! memory. The host asks for room by [`session_input`], writes its bytes there, and says in the next call how many of them count.
//! What the module has to say is a place in its memory: the address in the upper half of 64 bits, the length in the lower one,
//! 0 for none. It stands until the next call.
//!
//! Calls that can fail return 0, or −1: [`session_text`] says why. A session that failed may be used on, as its documentation
//! says. A trap is another thing: of an instance that trapped nothing is known, and the host throws it away.

#![expect(unsafe_code, reason = "exported names")]

use std::cell::RefCell;

use trace_to_otel::{
    Session,
    otlp::{Batch, Signal},
};

use crate::settings::Settings;

#[derive(Debug, Default)]
struct Instance {
    session: Option<Session>,
    input: Vec<u8>,
    text: String,
    batch: Option<Batch>,
}

thread_local! {
    // WebAssembly has one thread.
    static INSTANCE: RefCell<Instance> = RefCell::default();
}

fn with<T>(act: impl FnOnce(&mut Instance) -> T) -> T {
    INSTANCE.with_borrow_mut(act)
}

impl Instance {
    fn input(&self, length: u32) -> &[u8] {
        let length = (length as usize).min(self.input.len());
        &self.input[..length]
    }

    fn open(&mut self, length: u32) -> Result<String, String> {
        let text = core::str::from_utf8(self.input(length)).map_err(|error| format!("settings: {error}"))?;
        let settings = Settings::parse(text).map_err(|error| error.to_string())?;
        self.session = Some(Session::new(settings.options));
        Ok(settings.warning.unwrap_or_default())
    }

    fn next_batch(&mut self) -> u64 {
        self.batch = self.session.as_mut().and_then(Session::next_batch);
        self.batch.as_ref().map_or(0, |batch| place(batch.bytes()))
    }

    fn losses(&mut self) -> u64 {
        let Some(session) = &self.session else { return 0 };
        let bytes = (session.lost_bytes(), "bytes of traces that could not be read");
        let records = (session.too_large_records(), "records too large for any receiver");
        let counters = session.counters();
        let losses = counters.losses().chain([bytes, records].into_iter().filter(|(count, _)| *count > 0));
        self.text = losses.map(|(count, what)| format!("{count} {what}\n")).collect();
        place(self.text.as_bytes())
    }
}

/// Where bytes are: on the host that the tests run on, nowhere in particular.
fn place(bytes: &[u8]) -> u64 {
    if bytes.is_empty() { 0 } else { (bytes.as_ptr().addr() as u64) << 32 | bytes.len() as u64 }
}

/// Does what can fail.
fn attempt(
    act: impl FnOnce(&mut Session, &[u8]) -> Result<(), trace_to_otel::SessionError>,
    length: u32,
) -> i32 {
    with(|instance| {
        let Instance { session, input, text, .. } = instance;
        let length = (length as usize).min(input.len());
        let done = match session {
            Some(session) => act(session, &input[..length]).map_err(|error| error.to_string()),
            None => Err("no session is open".to_owned()),
        };
        answer(text, done.map(|()| String::new()))
    })
}

fn answer(text: &mut String, done: Result<String, String>) -> i32 {
    let status = if done.is_ok() { 0 } else { -1 };
    *text = done.unwrap_or_else(|error| error);
    status
}

/// Makes room for so many bytes, and says at which address. Earlier rooms are gone.
#[unsafe(no_mangle)]
pub extern "C" fn session_input(length: u32) -> *mut u8 {
    with(|instance| {
        instance.input.resize(length as usize, 0);
        instance.input.as_mut_ptr()
    })
}

/// Opens a session with the [`Settings`] in the input, in place of the one before. Where it succeeds, [`session_text`] is a
/// warning, if there is one.
#[unsafe(no_mangle)]
pub extern "C" fn session_open(length: u32) -> i32 {
    with(|instance| {
        let done = instance.open(length);
        answer(&mut instance.text, done)
    })
}

/// [`Session::feed`] with what is in the input.
#[unsafe(no_mangle)]
pub extern "C" fn session_feed(length: u32) -> i32 {
    attempt(Session::feed, length)
}

/// [`Session::end_trace`].
#[unsafe(no_mangle)]
pub extern "C" fn session_end_trace() -> i32 {
    attempt(|session, _| session.end_trace(), 0)
}

/// [`Session::flush`].
#[unsafe(no_mangle)]
pub extern "C" fn session_flush() -> i32 {
    attempt(
        |session, _| {
            session.flush();
            Ok(())
        },
        0,
    )
}

/// [`Session::finish`].
#[unsafe(no_mangle)]
pub extern "C" fn session_finish() -> i32 {
    attempt(|session, _| session.finish(), 0)
}

/// The next finished batch, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn session_next_batch() -> u64 {
    with(Instance::next_batch)
}

/// Of which signal that batch is: 1 for traces, 2 for metrics, 3 for logs, 0 where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn session_batch_signal() -> u32 {
    with(|instance| match instance.batch.as_ref().map(Batch::signal) {
        Some(Signal::Traces) => 1,
        Some(Signal::Metrics) => 2,
        Some(Signal::Logs) => 3,
        _ => 0,
    })
}

/// How many records that batch has.
#[unsafe(no_mangle)]
pub extern "C" fn session_batch_records() -> u32 {
    with(|instance| {
        instance.batch.as_ref().map_or(0, |batch| u32::try_from(batch.records()).unwrap_or(u32::MAX))
    })
}

/// What there is to say of the last call that can fail.
#[unsafe(no_mangle)]
pub extern "C" fn session_text() -> u64 {
    with(|instance| place(instance.text.as_bytes()))
}

/// What the session has lost or left out: a line `COUNT WHAT` for each kind, nothing that is 0.
#[unsafe(no_mangle)]
pub extern "C" fn session_losses() -> u64 {
    with(Instance::losses)
}
