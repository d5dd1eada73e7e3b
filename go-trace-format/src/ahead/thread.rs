//! The thread on which generations are cut.

use std::{
    fmt,
    io::{self, Read},
    panic::resume_unwind,
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, Builder, JoinHandle},
};

use crate::{
    cut::Cutter,
    error::Error,
    generation::Generation,
    losses::Losses,
    spec::{Dialect, Version},
    stop::Stop,
};

/// How it stands with the cutter behind a generation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) version: Version,
    pub(super) dialect: Dialect,
    pub(super) offset: u64,
    pub(super) begins_trace: bool,
}

impl Standing {
    fn of(cutter: &Cutter<'_>) -> Self {
        Self {
            version: cutter.version(),
            dialect: cutter.dialect(),
            offset: cutter.offset(),
            begins_trace: cutter.begins_trace(),
        }
    }
}

/// What came of cutting a generation.
struct Answer {
    cut: Result<bool, Error>,
    /// What it was cut into, but for where its source has failed: then the cutter goes on with it.
    generation: Option<Generation<'static>>,
    losses: Losses,
    standing: Standing,
}

impl Answer {
    /// Whether the source had nothing for then.
    fn is_refused(&self) -> bool {
        matches!(&self.cut, Err(Error::Io { error, .. }) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// A cutter on another thread, which ends when this is dropped, behind the call of its source that is under way.
pub(crate) struct Ahead {
    /// Asks for a generation, and lends a buffer for its bytes. `None` once the thread is to end.
    asks: Option<Sender<Vec<u8>>>,
    answers: Receiver<Answer>,
    /// Whether an answer is to come.
    is_asked: bool,
    /// Behind the last answer that was taken.
    standing: Standing,
    /// Gives the cutter back. `None` once it has ended.
    thread: Option<JoinHandle<Option<Box<Cutter<'static>>>>>,
    stop: Stop,
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead").field("standing", &self.standing).finish_non_exhaustive()
    }
}

impl Ahead {
    /// Hands a cutter to a thread, whose source listens to `stop`. Gives it back where there are no threads.
    pub(super) fn start(cutter: Box<Cutter<'static>>, stop: Stop) -> Result<Self, Box<Cutter<'static>>> {
        let standing = Standing::of(&cutter);
        let (hand_over, handed) = channel::<Box<Cutter<'static>>>();
        let (asks, asked) = channel();
        let (answer, answers) = channel();
        let work = move || handed.recv().ok().map(|cutter| answer_all(cutter, &asked, &answer));
        let Ok(thread) = Builder::new().name("go-trace-ahead".to_owned()).spawn(work) else {
            return Err(cutter);
        };
        hand_over.send(cutter).map_err(|unsent| unsent.0)?;
        Ok(Self { asks: Some(asks), answers, is_asked: false, standing, thread: Some(thread), stop })
    }

    /// How it stands behind the last answer that was taken.
    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    pub(super) fn next(
        &mut self,
        generation: &mut Generation<'_>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        let was_asked = self.is_asked;
        let mut answer = self.answer(losses);
        if was_asked && answer.is_refused() {
            // That was then: who asks now is told how it is now.
            answer = self.answer(losses);
        }
        if let Some(next) = answer.generation {
            let read = std::mem::replace(generation, next);
            if matches!(answer.cut, Ok(true)) {
                self.ask(read.into_buffer());
            }
        }
        answer.cut
    }

    /// Waits for the answer, which is asked for if it was not.
    fn answer(&mut self, losses: &mut Losses) -> Answer {
        if !self.is_asked {
            self.ask(Vec::new());
        }
        let Ok(mut answer) = self.answers.recv() else { self.panic() };
        self.is_asked = false;
        self.standing = answer.standing;
        losses.go_on(std::mem::take(&mut answer.losses));
        answer
    }

    fn ask(&mut self, buffer: Vec<u8>) {
        // Where the thread has ended there is no answer either.
        self.is_asked = self.asks.as_ref().is_some_and(|asks| asks.send(buffer).is_ok());
    }

    /// The thread has ended though it was asked: its source has panicked, and so does who reads from it, each time.
    fn panic(&mut self) -> ! {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => resume_unwind(panic),
            _ => resume_unwind(Box::new("the source has panicked before")),
        }
    }

    /// Ends the thread, once its source has given what it is being asked for.
    fn end(&mut self) -> thread::Result<Option<Box<Cutter<'static>>>> {
        let Some(thread) = self.thread.take() else { return Ok(None) };
        self.stop.set(true);
        self.asks = None;
        let cutter = thread.join();
        self.stop.set(false);
        cutter
    }

    pub(super) fn into_source(mut self) -> Box<dyn Read + Send> {
        match self.end() {
            Ok(Some(mut cutter)) => {
                cutter.rewind(self.standing.offset);
                cutter.into_source()
            }
            // Its source has panicked, and there is nothing to be had from it any more.
            Ok(None) => Box::new(io::empty()),
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // Its source may never answer. The thread owns all that it needs, and ends behind the call that is under way.
        if self.is_asked && self.answers.try_recv().is_err() {
            self.stop.set(true);
            self.thread = None;
        }
        // Whoever drops it wants nothing more of it, and no panic either.
        _ = self.end();
    }
}

/// Cuts one generation each time that it is asked to, until nobody asks any more.
fn answer_all(
    mut cutter: Box<Cutter<'static>>,
    asked: &Receiver<Vec<u8>>,
    answer: &Sender<Answer>,
) -> Box<Cutter<'static>> {
    let mut unfinished = None;
    for buffer in asked {
        let mut generation =
            unfinished.take().unwrap_or_else(|| Generation::new(cutter.version(), cutter.dialect()));
        cutter.lend_buffer(buffer);
        let mut losses = Losses::default();
        let cut = cutter.next(&mut generation, &mut losses);
        let is_unfinished = matches!(cut, Err(Error::Io { .. }));
        let generation = if is_unfinished {
            unfinished = Some(generation);
            None
        } else {
            Some(generation)
        };
        if answer.send(Answer { cut, generation, losses, standing: Standing::of(&cutter) }).is_err() {
            break;
        }
    }
    cutter
}
