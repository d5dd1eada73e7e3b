//! Reading as Go reads: strictly, printed as Go prints.

use go_trace_format::{Dumper, Error, Mode, ReaderOptions};

/// The dump of the events up to the end of the trace or to an error, and the error.
pub(crate) fn read(trace: &[u8]) -> (String, Option<Error>) {
    let mut dumper = Dumper::new(Vec::new(), |_, text| text.into());
    let error = ReaderOptions::new()
        .mode(Mode::Strict)
        .read_slice(trace)
        .and_then(|mut reader| {
            while let Some(event) = reader.next_event()? {
                dumper.write(&event).expect("writing to memory");
            }
            Ok(())
        })
        .err();
    (String::from_utf8(dumper.into_inner()).expect("the dump quotes what is no UTF-8"), error)
}
