//! Tables of cells, each one thing tried with one trouble, and how they are run on lanes.

use futures_util::future::join_all;

use super::lane::{Ground, Lane};
use crate::proxy::Trouble;

/// So many lanes to moto side by side. It divides no table, so that slow troubles are spread over all lanes.
const LANES: usize = 7;

/// One try: what goes wrong, and how often in a row.
#[derive(Clone, Copy)]
pub(super) struct Bad {
    pub(super) name: &'static str,
    pub(super) trouble: Trouble,
    pub(super) times: u32,
}

impl Bad {
    /// Each trouble once; and throttling so many times.
    pub(super) fn all(throttled: u32) -> Vec<Self> {
        let once = Trouble::ALL.map(|(name, trouble)| Self { name, trouble, times: 1 });
        let for_long = Self { name: "throttled-for-long", trouble: Trouble::Throttle, times: throttled };
        once.into_iter().chain([for_long]).collect()
    }
}

/// Opens the lanes one after the other: moto has answered with HTTP 500 when all of their hosts were launched at once.
pub(super) async fn lanes(ground: &Ground) -> Vec<Lane<'_>> {
    let mut lanes = Vec::new();
    for number in 0..LANES {
        lanes.push(Lane::open(ground, number).await);
    }
    lanes
}

/// Tries all cells of a table on the lanes; those that are broken, by name.
pub(super) async fn broken<T>(
    lanes: &[Lane<'_>],
    cells: &[T],
    run: impl AsyncFn(&Lane<'_>, &T) -> Result<(), String>,
) -> Vec<String> {
    let on_lanes = lanes.iter().enumerate().map(async |(number, lane)| {
        let mut broken = Vec::new();
        for cell in cells.iter().skip(number).step_by(lanes.len()) {
            broken.extend(run(lane, cell).await.err());
        }
        broken
    });
    join_all(on_lanes).await.concat()
}
