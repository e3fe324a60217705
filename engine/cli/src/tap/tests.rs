//! A tap never waits for who looks, and says how much it let go.

use std::sync::Arc;

use arrow::array::{BinaryViewArray, Int64Array, RecordBatch};
use batch::{Batch, Input, Origins, Place, TopicIdentity};
use operators::{StepOutput, Watch};

use super::frame::{Frame, Wire};
use super::{LAST, Manner, Taps, WAITING};

fn taps() -> Taps {
    let flow = super::FlowTaps {
        steps: vec!["select-1".into(), LAST.into()],
        watching: false.into(),
        open: std::sync::Mutex::default(),
    };
    Taps { flows: [("letters/load".to_owned(), Arc::new(flow))].into() }
}

/// One row at an offset.
fn row(offset: i64) -> Batch {
    let columns = RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![offset])) as _)]).expect("a batch");
    let origins = Origins {
        input: Arc::new(Input { topic: "demo.raw".into(), identity: TopicIdentity(1), partition: 0 }),
        offsets: vec![offset].into(),
        rows: vec![0].into(),
        arrivals: vec![0].into(),
        place: Place::Nowhere,
        raw: BinaryViewArray::from_iter_values([b""]),
    };
    Batch::new(columns, origins, None).expect("a batch")
}

fn pass(taps: &Taps, step: &str, offset: i64) {
    let flow = taps.of("letters/load").expect("the flow");
    let after = StepOutput { next: Some(row(offset)), ..StepOutput::default() };
    flow.passed(&step.into(), row(offset), &after, false);
}

/// What a tap shows of what it has.
fn shown(looking: super::Looking, limit: u64) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut take = |frame: Frame| {
        frames.push(frame);
        Ok(())
    };
    looking.show(Manner { limit: Some(limit), json: false }, &mut Wire::Here(&mut take)).expect("shown");
    frames.retain(|frame| *frame != Frame::Beat);
    frames
}

#[test]
fn what_there_is_no_room_for_is_let_go_and_counted() {
    let taps = taps();
    assert!(!taps.of("letters/load").expect("the flow").watching());
    let looking = taps.open("letters/load").expect("a tap");
    assert!(taps.of("letters/load").expect("the flow").watching());
    // Nobody reads: were it to wait, this would never end.
    (0..WAITING as i64 + 5).for_each(|offset| pass(&taps, LAST, offset));
    let frames = shown(looking, WAITING as u64);
    // It is said at once, though there is never a pause.
    assert_eq!(frames[..2], [Frame::Row("id=0".to_owned()), Frame::Missed(5)]);
    assert_eq!(frames.len(), WAITING + 2);
    assert_eq!(frames.last(), Some(&Frame::Enough));
    // It is gone with the next batch, and nobody watches any more.
    pass(&taps, LAST, 99);
    assert!(!taps.of("letters/load").expect("the flow").watching());
}

#[test]
fn what_was_let_go_last_is_told_when_the_run_ends() {
    let taps = taps();
    let looking = taps.open("letters/load").expect("a tap");
    // Between the last row that was taken and the end of the run, rows found no room.
    looking.missed.store(4, std::sync::atomic::Ordering::Relaxed);
    drop(taps);
    assert_eq!(shown(looking, 1), [Frame::Missed(4)]);
}

#[test]
fn a_row_is_shown_once_however_often_it_is_worked() {
    let taps = taps();
    let looking = taps.open("letters/load.select-1").expect("a tap");
    for offset in [0, 1, 0, 1, 2] {
        pass(&taps, "select-1", offset);
        pass(&taps, LAST, offset);
    }
    let rows: Vec<Frame> = shown(looking, 3);
    let wanted = [0, 1, 2].map(|offset| {
        [format!("demo.raw 0:{offset}"), format!("  before  id={offset}"), format!("  after   id={offset}")]
            .map(Frame::Row)
    });
    assert_eq!(rows[..9], wanted.concat());
}

#[test]
fn a_row_that_comes_back_is_shown_again_and_marked() {
    let taps = taps();
    let (leaving, step) =
        (taps.open("letters/load").expect("a tap"), taps.open("letters/load.select-1").expect("a tap"));
    let flow = taps.of("letters/load").expect("the flow");
    let after = StepOutput { next: Some(row(7)), ..StepOutput::default() };
    for again in [false, true] {
        flow.passed(&"select-1".into(), row(7), &after, again);
        flow.passed(&LAST.into(), row(7), &after, again);
    }
    let rows = |texts: &[&str]| texts.iter().map(|text| Frame::Row((*text).to_owned())).collect::<Vec<_>>();
    assert_eq!(shown(leaving, 2)[..2], rows(&["id=7", "replayed: id=7"]));
    let frames = shown(step, 2);
    assert_eq!(frames[0], Frame::Row("demo.raw 0:7".to_owned()));
    assert_eq!(frames[3], Frame::Row("demo.raw 0:7 (replayed)".to_owned()));
}

#[test]
fn names_that_are_not_there_and_too_many_taps_are_told() {
    let taps = taps();
    let cases = [("letters/lod", "did you mean `letters/load`?"), ("letters/load.selct-1", "did you mean `select-1`?")];
    for (place, wanted) in cases {
        let error = taps.open(place).map(|_| ()).expect_err("no such place").to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let open: Vec<_> = (0..super::TAPS).map(|_| taps.open("letters/load").expect("a tap")).collect();
    assert!(taps.open("letters/load").is_err());
    drop(open);
    taps.open("letters/load").expect("the others have ended");
}
