//! What the card of a seat is doing, looked at now and then beside the work: asking the driver may take a while.

use std::time::Duration;

use cleanplate_types::tier::CardLoad;
use cleanplate_vision::CardMeter;
use tokio::sync::watch;

/// How often it is looked at: as often as heartbeats tell it.
const EVERY: Duration = Duration::from_secs(5);

/// See the top of the file. The looking ends with this.
#[derive(Debug)]
pub(crate) struct Load(Option<watch::Receiver<Option<CardLoad>>>);

impl Load {
    /// Of the card of this UUID; a seat without a card has none.
    pub(crate) fn of(uuid: Option<&str>) -> Self {
        Self(uuid.map(|uuid| {
            let (sender, load) = watch::channel(None);
            let uuid = uuid.to_owned();
            tokio::spawn(async move {
                if let Err(why) = look(&uuid, &sender).await {
                    tracing::warn!(card = uuid, "what the card is doing is not told: {why}");
                }
            });
            load
        }))
    }

    /// What was seen last.
    pub(crate) fn last(&self) -> Option<CardLoad> {
        *self.0.as_ref()?.borrow()
    }
}

/// Looks until nobody wants to know.
async fn look(uuid: &str, load: &watch::Sender<Option<CardLoad>>) -> Result<(), String> {
    let card = uuid.to_owned();
    let bug = |error: tokio::task::JoinError| error.to_string();
    let open = tokio::task::spawn_blocking(move || CardMeter::open(&card));
    let mut meter = open.await.map_err(bug)??;
    while !load.is_closed() {
        let looked = tokio::task::spawn_blocking(move || (meter.load(), meter));
        let seen;
        (seen, meter) = looked.await.map_err(bug)?;
        load.send_replace(Some(seen));
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = load.closed() => {}
        }
    }
    Ok(())
}
