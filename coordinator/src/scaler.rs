//! What KEDA asks: how many workers there should be, by the work that remains.
//!
//! Owns the settings of a trigger and what is said by the protocol. Refuses to decide: how much remains is core's
//! ([`Scheduler::demand`](cleanplate_core::scheduler::Scheduler::demand)), how many workers follow is the autoscaler's.

use std::collections::HashMap;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_core::demand::{Ask, Demand};
use cleanplate_proto::keda::external_scaler_server::ExternalScaler;
use cleanplate_proto::keda::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
    MetricValue, ScaledObjectRef,
};
use futures::Stream;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use crate::journal::Standing;
use crate::meters::{Meters, Silent};

/// The metric's name: one for each trigger.
const METRIC: &str = "cleanplate-worker-seconds";

/// The least time between two looks for a stream: what it is told is at most so old.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A stream looks again after so long though nothing happened.
const LOOK_ANYWAY: Duration = Duration::from_secs(10);

/// See the top of the file.
#[derive(Debug, Clone)]
pub(crate) struct Scaler {
    meters: Arc<Meters>,
    standing: watch::Receiver<Standing>,
}

impl Scaler {
    pub(crate) const fn new(meters: Arc<Meters>, standing: watch::Receiver<Standing>) -> Self {
        Self { meters, standing }
    }

    async fn demand(&self, ask: Ask) -> Result<Demand, Status> {
        match self.meters.demand(ask).await {
            Ok(Some(demand)) => Ok(demand),
            Ok(None) if has_leader(&self.standing.borrow()) => Ok(Demand::default()),
            Ok(None) => Err(crate::standby::answer(&self.standing)),
            Err(silent @ Silent) => Err(Status::unavailable(silent.to_string())),
        }
    }
}

/// Whether another coordinator leads, which says what there is to do: this one adds nothing to that. Where nobody is known
/// to lead, nobody knows, and an autoscaler must not take that for nothing.
const fn has_leader(standing: &Standing) -> bool {
    matches!(standing, Standing::StandsBy(Some(_)))
}

/// The settings of a trigger.
fn ask_of(trigger: Option<&ScaledObjectRef>) -> Result<Ask, Status> {
    let none = HashMap::new();
    let metadata = trigger.map_or(&none, |trigger| &trigger.scaler_metadata);
    let default = Ask::default();
    let seconds = |name: &str, millis: u64| {
        let seconds: Option<u64> = number(metadata, name)?;
        Ok::<_, Status>(seconds.map_or(millis, |seconds| seconds.saturating_mul(1_000)))
    };
    let target_ms = seconds(TARGET, default.target_ms)?;
    if target_ms == 0 {
        return Err(wrong(TARGET, "0", "at least 1"));
    }
    let tier = metadata.get(TIER).map(String::as_str).filter(|tier| !tier.is_empty());
    let rows = "a row of the tier table: 24, 16, 10, 8, 0 or cpu, with or without `gb`";
    let row = |name: &str| Ask::tier_of(name).ok_or_else(|| wrong(TIER, name, rows));
    let share: Option<u64> = number(metadata, SHARE)?;
    let share_percent = share.unwrap_or(default.share_percent);
    if share_percent > 100 {
        return Err(wrong(SHARE, &share_percent.to_string(), "a number from 0 to 100"));
    }
    Ok(Ask {
        tier: tier.map(row).transpose()?,
        target_ms,
        new_job_ms: seconds(NEW_JOB, default.new_job_ms)?,
        job_workers_max: number(metadata, PER_JOB)?,
        share_percent,
    })
}

const TIER: &str = "tier";
const TARGET: &str = "targetSeconds";
const NEW_JOB: &str = "newJobSeconds";
const PER_JOB: &str = "maxPerJob";
const SHARE: &str = "sharePercent";

fn number<T: FromStr>(metadata: &HashMap<String, String>, name: &str) -> Result<Option<T>, Status> {
    let text = metadata.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let parsed = |text: &str| text.parse().map_err(|_unparsed| wrong(name, text, "a whole number"));
    text.map(parsed).transpose()
}

fn wrong(name: &str, found: &str, wanted: &str) -> Status {
    Status::invalid_argument(format!(
        "the trigger's metadata `{name}` is `{found}`, and should be {wanted} (docs/autoscaling.md)"
    ))
}

#[tonic::async_trait]
impl ExternalScaler for Scaler {
    type StreamIsActiveStream =
        Pin<Box<dyn Stream<Item = Result<IsActiveResponse, Status>> + Send + 'static>>;

    async fn is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<IsActiveResponse>, Status> {
        let demand = self.demand(ask_of(Some(request.get_ref()))?).await?;
        Ok(Response::new(IsActiveResponse { result: demand.is_active() }))
    }

    async fn stream_is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamIsActiveStream>, Status> {
        let ask = ask_of(Some(request.get_ref()))?;
        let first = self.demand(ask).await?.is_active();
        let followed = Followed { scaler: self.clone(), ask, told: None, next: Some(first) };
        let stream = futures::stream::try_unfold(followed, Followed::next);
        Ok(Response::new(Box::pin(stream)))
    }

    async fn get_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<GetMetricSpecResponse>, Status> {
        let ask = ask_of(Some(request.get_ref()))?;
        let spec = MetricSpec {
            metric_name: METRIC.to_owned(),
            target_size: whole(ask.target_ms),
            target_size_float: Duration::from_millis(ask.target_ms).as_secs_f64(),
        };
        Ok(Response::new(GetMetricSpecResponse { metric_specs: vec![spec] }))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let GetMetricsRequest { scaled_object_ref, metric_name } = request.into_inner();
        let demand = self.demand(ask_of(scaled_object_ref.as_ref())?).await?;
        // The name comes back as it was asked for: some versions put an index before it.
        let metric_name = if metric_name.is_empty() { METRIC.to_owned() } else { metric_name };
        let value = MetricValue {
            metric_name,
            metric_value: whole(demand.value_ms),
            metric_value_float: Duration::from_millis(demand.value_ms).as_secs_f64(),
        };
        Ok(Response::new(GetMetricsResponse { metric_values: vec![value] }))
    }
}

/// Whole seconds, rounded up: a little work is not none.
fn whole(millis: u64) -> i64 {
    i64::try_from(millis.div_ceil(1_000)).unwrap_or(i64::MAX)
}

/// Whether a trigger is active, from now on.
struct Followed {
    scaler: Scaler,
    ask: Ask,
    told: Option<bool>,
    /// What is to be told at once.
    next: Option<bool>,
}

impl Followed {
    async fn next(mut self) -> Result<Option<(IsActiveResponse, Self)>, Status> {
        let mut stirred = self.scaler.meters.stirred();
        stirred.mark_unchanged();
        loop {
            let active = match self.next.take() {
                Some(first) => first,
                None => self.scaler.demand(self.ask).await?.is_active(),
            };
            if self.told != Some(active) {
                self.told = Some(active);
                return Ok(Some((IsActiveResponse { result: active }, self)));
            }
            tokio::time::sleep(LOOK_EVERY).await;
            // Its other end lives as long as this.
            tokio::time::timeout(LOOK_ANYWAY, stirred.changed()).await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;
    use crate::{Epoch, Leader};

    fn trigger(metadata: &[(&str, &str)]) -> ScaledObjectRef {
        let metadata =
            metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ScaledObjectRef { scaler_metadata: metadata.collect(), ..ScaledObjectRef::default() }
    }

    #[test]
    fn a_trigger_says_what_it_means_and_what_it_does_not_is_the_default() {
        assert_eq!(ask_of(None).unwrap(), Ask::default());
        let set = [
            ("tier", "24GB"),
            ("targetSeconds", "120"),
            ("newJobSeconds", "5"),
            ("maxPerJob", "7"),
            ("sharePercent", "40"),
            ("scalerAddress", "coordinator:7700"),
        ];
        let ask = ask_of(Some(&trigger(&set))).unwrap();
        assert_eq!((ask.tier.unwrap().name, ask.target_ms, ask.new_job_ms), ("24", 120_000, 5_000));
        assert_eq!((ask.job_workers_max, ask.share_percent), (Some(7), 40));
        assert_eq!(ask_of(Some(&trigger(&[("tier", "")]))).unwrap().tier, None);
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_refused_by_name() {
        for (name, value) in [
            ("tier", "huge"),
            ("targetSeconds", "0"),
            ("targetSeconds", "-3"),
            ("maxPerJob", "many"),
            ("sharePercent", "101"),
        ] {
            let status = ask_of(Some(&trigger(&[(name, value)]))).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            assert!(status.message().contains(name), "{status}");
        }
    }
    /// What a coordinator of this standing, which has no loop, answers.
    async fn asked(standing: Standing) -> Result<(bool, i64, bool), Status> {
        let (_kept, standing) = watch::channel(standing);
        let scaler = Scaler::new(Arc::new(Meters::default()), standing);
        let active = scaler.is_active(Request::new(trigger(&[]))).await?.into_inner().result;
        let request =
            GetMetricsRequest { scaled_object_ref: Some(trigger(&[])), ..Default::default() };
        let metrics = scaler.get_metrics(Request::new(request)).await?.into_inner().metric_values;
        let stream = scaler.stream_is_active(Request::new(trigger(&[]))).await?.into_inner();
        let first = std::pin::pin!(stream).next().await.unwrap()?;
        Ok((active, metrics[0].metric_value, first.result))
    }

    #[tokio::test]
    async fn one_that_stands_by_adds_nothing_and_where_nobody_leads_nobody_knows() {
        let (holder, address) = ("other".to_owned(), "http://other".to_owned());
        let leader = Leader { epoch: Epoch(2), holder, address };
        let told = asked(Standing::StandsBy(Some(leader))).await.unwrap();
        assert_eq!(told, (false, 0, false));
        for unknown in [Standing::StandsBy(None), Standing::Leads(Epoch(1))] {
            assert_eq!(asked(unknown).await.unwrap_err().code(), tonic::Code::Unavailable);
        }
    }
}
