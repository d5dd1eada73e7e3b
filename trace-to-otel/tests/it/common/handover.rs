//! Two generations in which two goroutines wait for each other.

use go_trace_format::EventType;

use super::script::Script;

/// Goroutine 7 makes 8, waits for it, and is woken by it.
pub(crate) fn begin(script: &mut Script<'_>) {
    script.run(7);
    let (entry, own) = (script.entry("main.worker"), script.stack(&["main.main"]));
    script.event(7, EventType::GoCreate, &[8, entry, own]);
    let (reason, stack) = (script.string("chan receive"), script.stack(&["main.wait", "main.main"]));
    script.event(7, EventType::GoBlock, &[reason, stack]);
    script.start(7, 8, 1);
    let (reason, stack) = (script.string("preempted"), script.stack(&["main.work", "main.worker"]));
    script.event(7, EventType::GoStop, &[reason, stack]);
    script.start(7, 8, 2);
    script.event(7, EventType::GoUnblock, &[7, 1, stack]);
}

/// 8 waits for a mutex that 7 unlocks, and ends while 7 waits again, on the same stack, which has another id here.
pub(crate) fn go_on(script: &mut Script<'_>) {
    script.event(7, EventType::ProcStatus, &[7, 1]);
    script.event(7, EventType::GoStatus, &[8, 7, 2]);
    script.event(7, EventType::GoStatus, &[7, u64::MAX, 1]);
    let (reason, stack) = (script.string("sync"), script.stack(&["sync.(*Mutex).Lock", "main.worker"]));
    script.event(7, EventType::GoBlock, &[reason, stack]);
    script.start(7, 7, 1);
    let unlock = script.stack(&["main.unlock", "main.main"]);
    script.event(7, EventType::GoUnblock, &[8, 1, unlock]);
    let (reason, stack) = (script.string("chan receive"), script.stack(&["main.wait", "main.main"]));
    script.event(7, EventType::GoBlock, &[reason, stack]);
    script.start(7, 8, 2);
    script.event(7, EventType::GoDestroy, &[]);
}
