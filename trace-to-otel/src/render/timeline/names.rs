//! Texts of a timeline that come from events: sanitized, and each once in memory.

use std::{collections::HashMap, sync::Arc};

use go_trace_format::{Frame, Stack};
use go_trace_sanitize::Sanitizer;

type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

#[derive(Debug, Default)]
pub(super) struct Names {
    sanitizer: Sanitizer,
    texts: FastMap<Box<[u8]>, Arc<str>>,
    /// What waiting for something is called, by the text of the reason as it is in the trace.
    waits: FastMap<Box<[u8]>, Arc<str>>,
    /// Of the generation, by the program counter.
    functions: FastMap<u64, Arc<str>>,
    places: FastMap<u64, Arc<str>>,
}

impl Names {
    /// Programs use few texts. Where one makes up a new one each time the memory must not grow.
    const MOST: usize = 4096;

    /// Program counters of the next generation may be another program's.
    pub(super) fn begin_generation(&mut self) {
        self.functions.clear();
        self.places.clear();
    }

    /// The sanitized text.
    pub(super) fn text(&mut self, text: &[u8]) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let clean: Arc<str> = self.sanitizer.text(text).into();
        if self.texts.len() == Self::MOST {
            self.texts.clear();
        }
        self.texts.insert(text.into(), Arc::clone(&clean));
        clean
    }

    /// What a goroutine does that waits for something.
    pub(super) fn wait(&mut self, reason: &[u8]) -> Arc<str> {
        if let Some(known) = self.waits.get(reason) {
            return Arc::clone(known);
        }
        let wait: Arc<str> = match &*self.text(reason) {
            "" => "waiting".into(),
            reason => format!("waiting: {reason}").into(),
        };
        if self.waits.len() == Self::MOST {
            self.waits.clear();
        }
        self.waits.insert(reason.into(), Arc::clone(&wait));
        wait
    }

    /// The function that a goroutine began with: the outermost of a stack of it.
    pub(super) fn entry_function(&mut self, stack: Stack<'_>) -> Option<Arc<str>> {
        let frame = stack.frames().last()?;
        if let Some(known) = self.functions.get(&frame.pc) {
            return Some(Arc::clone(known));
        }
        let name = self.text(frame.function.as_bytes());
        self.functions.insert(frame.pc, Arc::clone(&name));
        Some(name)
    }

    /// Where a goroutine is: the innermost frame that is not the runtime's, or else the innermost.
    pub(super) fn place(&mut self, stack: Stack<'_>) -> Option<Arc<str>> {
        let is_of_runtime = |frame: &Frame<'_>| frame.function.as_bytes().starts_with(b"runtime.");
        let frame = stack.frames().find(|frame| !is_of_runtime(frame)).or_else(|| stack.frames().next())?;
        if let Some(known) = self.places.get(&frame.pc) {
            return Some(Arc::clone(known));
        }
        let (function, file) = (frame.function.to_string_lossy(), frame.file.to_string_lossy());
        let file = file.rsplit('/').next().unwrap_or_default();
        let place = self.sanitizer.text(&*format!("{function} {file}:{}", frame.line)).into();
        self.places.insert(frame.pc, Arc::clone(&place));
        Some(place)
    }
}
