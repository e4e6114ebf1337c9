//! A client of the directory, over one connection that is kept.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode};
use serde::Deserialize;

use super::Failure;
use super::goals::{REQUESTS, milliseconds};
use super::http::connect;
use super::measured::Measured;
use super::table::Table;

/// How many before are not counted.
pub const WARMING_UP: usize = 20;

/// What takes longer than this altogether is measured with fewer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The middle of a walk, in tenths.
pub const MIDDLE: Range<usize> = 4..6;

pub struct Directory {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

/// A page as it came.
pub struct Page(Bytes);

/// Every page of a search.
pub struct Walk {
    /// The ids of the matches.
    pub ids: Vec<String>,
    /// What each page was asked with, and how long it took.
    pages: Vec<(String, Duration)>,
}

impl Directory {
    pub async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        Ok(Self { address, sender: connect(address).await? })
    }

    /// The answer to a search, relative to the base or with the URL of a link.
    pub async fn get(&mut self, search: &str) -> Result<(Duration, Page), Failure> {
        let base = format!("http://{}", self.address);
        let path = match search.strip_prefix(&base) {
            Some(path) => path.to_owned(),
            None => format!("/annuaire/fhir/v2/{search}"),
        };
        let request = Request::get(path).header("host", self.address.to_string()).body(Full::default())?;
        let start = Instant::now();
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let took = start.elapsed();
        if status != StatusCode::OK {
            return Err(format!("{search}: {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok((took, Page(body)))
    }

    /// The same search again and again.
    pub async fn repeat(&mut self, search: &str) -> Result<Measured, Failure> {
        self.each(|_| search.to_owned()).await
    }

    /// Searches one after the other.
    pub async fn each(&mut self, mut search: impl FnMut(usize) -> String) -> Result<Measured, Failure> {
        let start = Instant::now();
        let mut latencies = vec![];
        for number in 0..WARMING_UP + REQUESTS {
            let (took, _) = self.get(&search(number)).await?;
            if number >= WARMING_UP || start.elapsed() > PATIENCE {
                latencies.push(took);
            }
            if start.elapsed() > PATIENCE {
                break;
            }
        }
        Ok(Measured::of(latencies))
    }

    /// Goes from link to link to the end, looking at each match.
    pub async fn walk(&mut self, search: &str) -> Result<Walk, Failure> {
        let mut walk = Walk { ids: vec![], pages: vec![] };
        let mut next = Some(search.to_owned());
        while let Some(url) = next {
            let (took, page) = self.get(&url).await?;
            walk.ids.extend(page.entries()?.into_iter().map(|found| found.id));
            walk.pages.push((url, took));
            next = page.next()?;
        }
        Ok(walk)
    }

    /// Goes from link to link to the end, looking at nothing else.
    pub async fn pass(&mut self, search: &str) -> Result<(), Failure> {
        let mut next = Some(search.to_owned());
        while let Some(url) = next {
            next = self.get(&url).await?.1.next()?;
        }
        Ok(())
    }
}

impl Page {
    /// The resources.
    pub fn entries(&self) -> Result<Vec<Resource>, Failure> {
        let bundle: Bundle = serde_json::from_slice(&self.0)?;
        Ok(bundle.entry.into_iter().map(|entry| entry.resource).collect())
    }

    /// The URL of the next page. Links are what a bundle ends with.
    fn next(&self) -> Result<Option<String>, Failure> {
        let name = br#""link":["#;
        let at = self.0.windows(name.len()).rposition(|window| window == name).ok_or("a page without links")?;
        let end: End = serde_json::from_slice(&[b"{", &self.0[at..]].concat())?;
        Ok(end.link.into_iter().find(|link| link.relation == "next").map(|link| link.url))
    }
}

impl Walk {
    /// What the pages in these tenths were asked with.
    pub fn part(&self, tenths: Range<usize>) -> Vec<String> {
        self.tenths(tenths).iter().map(|(url, _)| url.clone()).collect()
    }

    /// How long pages took, at the beginning, in the middle, in the end.
    pub fn by_depth(&self) -> Table {
        let mut table = Table::new(&["pages", "p50 ms", "p99 ms", "max ms"]);
        for (name, tenths) in [("first tenth", 0..1), ("middle fifth", MIDDLE), ("last tenth", 9..10)] {
            let pages = self.tenths(tenths);
            let measured = Measured::of(pages.iter().map(|(_, took)| *took).collect());
            let [p50, p99, max] = [0.50, 0.99, 1.0].map(|share| milliseconds(measured.percentile(share)));
            table.row([format!("{name} ({})", pages.len()), p50, p99, max]);
        }
        table
    }

    fn tenths(&self, tenths: Range<usize>) -> &[(String, Duration)] {
        let at = |tenth: usize| self.pages.len() * tenth / 10;
        &self.pages[at(tenths.start)..at(tenths.end)]
    }
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    resource: Resource,
}

/// What is looked at of a resource.
#[derive(Deserialize)]
pub struct Resource {
    pub id: String,
    #[serde(default)]
    pub telecom: Vec<Telecom>,
}

#[derive(Deserialize)]
pub struct Telecom {
    pub value: Option<String>,
}

#[derive(Deserialize)]
struct End {
    link: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    relation: String,
    url: String,
}
