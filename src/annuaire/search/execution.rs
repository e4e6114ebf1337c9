//! Pages and totals of searches, within bounds of time and number.

use std::time::Duration;

use tokio::sync::SemaphorePermit;

use super::evaluation::{Evaluation, Page, is_expensive};
use super::{Criterion, Token, Total};
use crate::annuaire::store::index_entry::Field;
use crate::annuaire::store::{Mirror, Snapshot};
use crate::error::{Error, Workload};
use crate::fhir::directory_type::DirectoryType;
use crate::storage::mirror::ReadTransaction;

/// How long an expensive search waits for a permit.
const EXPENSIVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum candidates verified for a total that was not requested.
const MAX_BEST_EFFORT_CANDIDATES: u64 = 500;

/// How many resources of a type there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub active: u64,
    pub inactive: u64,
}

impl Mirror {
    /// The first `limit` matches after the sequence `after` (0 at the beginning).
    ///
    /// Fails with [`Error::Gone`] where versions that the snapshot sees may have been purged.
    pub async fn page(
        &self,
        resource_type: DirectoryType,
        criteria: &[Criterion],
        at: &Snapshot,
        after: u32,
        limit: usize,
    ) -> Result<Page, Error> {
        let _expensive = self.expensive_permit(criteria).await?;
        let mut transaction = self.begin_at(at).await?;
        let evaluation = Evaluation::prepare(&mut transaction, resource_type, criteria, at).await?;
        let mut progress = evaluation.begin(&mut transaction, after).await?;
        evaluation.page(&mut transaction, &mut progress, limit).await
    }

    /// The first page of a search and its total, which share their lookups. [`Mirror::total`] says where the total is
    /// left out.
    pub async fn first_page(
        &self,
        resource_type: DirectoryType,
        criteria: &[Criterion],
        at: &Snapshot,
        limit: usize,
        effort: Total,
    ) -> Result<(Page, Option<u64>), Error> {
        let deadline = self.deadline.at_most(self.count_timeout);
        let _expensive = self.expensive_permit(criteria).await?;
        let mut transaction = self.begin_at(at).await?;
        let evaluation = Evaluation::prepare(&mut transaction, resource_type, criteria, at).await?;
        let mut progress = evaluation.begin(&mut transaction, 0).await?;
        let page = evaluation.page(&mut transaction, &mut progress, limit).await?;
        let Some(max_unverified) = max_unverified(effort) else { return Ok((page, None)) };
        if !page.more {
            let total = page.matches.len() as u64;
            return Ok((page, Some(total)));
        }
        // The timeout drops the future of the counting, and with it the transaction and its statement.
        let counting = async move { evaluation.total(&mut transaction, progress, max_unverified).await };
        match deadline.limit(counting).await {
            Err(Error::DeadlineExceeded) => Ok((page, None)),
            total => Ok((page, total?)),
        }
    }

    /// The exact number of matches; `None` where counting takes longer than a second, where no permit for an expensive
    /// search is free, or, with [`Total::BestEffort`], where many candidates would have to be verified.
    pub async fn total(
        &self,
        resource_type: DirectoryType,
        criteria: &[Criterion],
        at: &Snapshot,
        effort: Total,
    ) -> Result<Option<u64>, Error> {
        let Some(max_unverified) = max_unverified(effort) else { return Ok(None) };
        // The timeout includes the wait for a connection.
        let deadline = self.deadline.at_most(self.count_timeout);
        let counting = async {
            let _expensive = self.expensive_permit(criteria).await?;
            let mut transaction = self.until(&deadline).begin_at(at).await?;
            let evaluation = Evaluation::prepare(&mut transaction, resource_type, criteria, at).await?;
            let progress = evaluation.begin(&mut transaction, 0).await?;
            evaluation.total(&mut transaction, progress, max_unverified).await
        };
        match deadline.limit(counting).await {
            Err(Error::DeadlineExceeded | Error::TooBusy(_)) => Ok(None),
            counted => counted,
        }
    }

    /// The numbers of active and inactive resources (`active` false, or, of a device, `status` inactive), for each type
    /// of [`DirectoryType::ALL`].
    pub async fn counts(&self) -> Result<[Counts; 5], Error> {
        let mut counts = [Counts::default(); 5];
        let Some(at) = self.snapshot().await? else { return Ok(counts) };
        for (counts, resource_type) in counts.iter_mut().zip(DirectoryType::ALL) {
            let (field, code) = match resource_type {
                DirectoryType::Device => (Field::Status, "active"),
                _ => (Field::Active, "true"),
            };
            let active = [Criterion::Token { field, values: vec![Token::Code(code.to_owned())], not: false }];
            let mut transaction = self.begin_at(&at).await?;
            let all = count(&mut transaction, resource_type, &[], &at).await?;
            counts.active = count(&mut transaction, resource_type, &active, &at).await?;
            counts.inactive = all.saturating_sub(counts.active);
        }
        Ok(counts)
    }

    /// A permit for an expensive search; `None` for a cheap one.
    async fn expensive_permit(&self, criteria: &[Criterion]) -> Result<Option<SemaphorePermit<'_>>, Error> {
        match is_expensive(criteria) {
            true => match tokio::time::timeout(EXPENSIVE_TIMEOUT, self.expensive.acquire()).await {
                Ok(permit) => permit.map(Some).map_err(Error::internal),
                Err(_) => Err(Error::TooBusy(Workload::Directory)),
            },
            false => Ok(None),
        }
    }
}

/// Maximum candidates verified for a total; `None` where no total is wanted.
fn max_unverified(effort: Total) -> Option<u64> {
    match effort {
        Total::None => None,
        Total::BestEffort => Some(MAX_BEST_EFFORT_CANDIDATES),
        Total::Wanted => Some(u64::MAX),
    }
}

/// The number of matches, without a bound of time.
async fn count(
    transaction: &mut ReadTransaction,
    of: DirectoryType,
    criteria: &[Criterion],
    at: &Snapshot,
) -> Result<u64, Error> {
    let evaluation = Evaluation::prepare(transaction, of, criteria, at).await?;
    let progress = evaluation.begin(transaction, 0).await?;
    Ok(evaluation.total(transaction, progress, u64::MAX).await?.unwrap_or_default())
}
