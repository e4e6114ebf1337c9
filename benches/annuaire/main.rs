//! What the copy of the national directory carries, beside the goals that it was built for.
//!
//! An invented directory is loaded into an empty database, served, searched over one connection that is
//! kept, walked from end to end, and synchronised to a second copy; accounts are written meanwhile.
//! The client, the server and the database share the cores of one machine.
//!
//! `cargo bench --bench annuaire -- --help` tells the arguments.

mod children;
mod copies;
mod directory;
mod rows;
#[path = "../shared/mod.rs"]
mod shared;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use copies::{Copies, Folder};
use directory::{Directory, MIDDLE, Walk};
use rows::Rows;
use shared::accounts::Accounts;
use shared::goals::{Goals, REQUESTS, thousands};
use shared::measured::{Measured, Random};
use shared::server::Server;
use shared::support::postgres::Cluster;
use shared::table::Table;
use shared::{Failure, client, goals, http, machine, measured, server, support, table};

/// Like a server that means it.
const DURABLE: &str = "-c fsync=on -c full_page_writes=on -c synchronous_commit=on -c shared_buffers=1GB";

/// The search of the goals for pages and walks.
const DOCTORS: &str = "Practitioner?qualification-code=10&active=true";

/// Laboratories and whoever works there.
const STRUCTURES: &str = "Organization?type=https%3A%2F%2Fmos.esante.gouv.fr%2FNOS%2FTRE_R02-SecteurActivite%2FFHIR%2F\
    TRE-R02-SecteurActivite%7CSA05&_revinclude=PractitionerRole:organization";

/// How often the whole walk and the reading by key are measured, in turn.
const ROUNDS: usize = 3;

/// Connections that write accounts.
const WRITERS: usize = 8;

/// How long writes are measured while nothing else happens.
const IDLE: Duration = Duration::from_secs(10);

/// How long writes are measured beside a load, if it takes longer.
const LOAD_TIMEOUT: Duration = Duration::from_mins(5);

/// Measures the copy of the national directory.
#[derive(Parser)]
struct Arguments {
    /// How many practitioners are invented; of everything else in proportion (the README quotes 1800000)
    #[arg(long, default_value_t = 100_000)]
    practitioners: u32,
    /// Where all data is kept; at 1800000 practitioners, 40 GB are needed (default: the temporary folder)
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Leave the NDJSON and the SQLite files there
    #[arg(long, requires = "folder")]
    keep: bool,
    /// Which databases
    #[arg(long, value_delimiter = ',', value_enum, default_values = ["sqlite", "postgres"])]
    databases: Vec<Database>,
    /// Only these measures, beside the load, which all others need
    #[arg(long, value_delimiter = ',', num_args = 1.., value_enum)]
    only: Vec<Measure>,
    /// Cargo adds it.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Measure {
    Pages,
    Identifier,
    Mailbox,
    Include,
    Walk,
    Writes,
    Sync,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One thread: the server needs the cores more.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // However it ends, children and files go.
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = run(&arguments) => outcome,
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("annuaire: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let parent = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    std::fs::create_dir_all(&parent)?;
    let parent = parent.canonicalize()?;
    let folder = Folder::new(&parent, arguments.keep);
    println!("{}\n", machine::description(&parent)?);

    say("inventing a directory");
    let file = folder.path.join("directory.ndjson");
    let invented = children::generate(arguments.practitioners, &file).await?;
    println!(
        "A directory of {} practitioners: {} resources, {:.2} GB of NDJSON, invented at {} resources/s. \
         Latencies: {} requests one after the other over one connection, after {} that are not counted. SAS_LOG=warn.\n",
        thousands(f64::from(arguments.practitioners)),
        thousands(invented.resources as f64),
        invented.bytes as f64 / 1e9,
        thousands(invented.resources as f64 / invented.took.as_secs_f64()),
        REQUESTS,
        directory::WARMING_UP,
    );

    for database in [Database::Sqlite, Database::Postgres] {
        if !arguments.databases.contains(&database) {
            continue;
        }
        let copies = match database {
            Database::Sqlite => Copies::Sqlite(folder.path.clone()),
            Database::Postgres => match Cluster::start_in(&folder.path, DURABLE) {
                Some(cluster) => Copies::Postgres(cluster),
                None => continue,
            },
        };
        let bench = Bench { only: &arguments.only, copies, file: &file, resources: invented.resources };
        bench.run(arguments.keep).await?;
    }
    Ok(())
}

/// What goes on, on standard error: the tables come late.
fn say(what: &str) {
    eprintln!("annuaire: {what} …");
}

/// The measures on one database.
struct Bench<'a> {
    only: &'a [Measure],
    copies: Copies,
    file: &'a PathBuf,
    resources: u64,
}

impl Bench<'_> {
    async fn run(&self, keep: bool) -> Result<(), Failure> {
        let mut goals = Goals::default();
        let url = self.copies.new_copy("served").await?;
        match &self.copies {
            Copies::Sqlite(_) => println!("### SQLite (the copy: synchronous=NORMAL; accounts: synchronous=FULL)\n"),
            Copies::Postgres(_) => println!("### Postgres ({})\n", machine::postgres(&url).await?),
        }
        self.load(&url, &mut goals).await?;

        let accounts = self.copies.new_copy("accounts").await?;
        let server = Server::start_with(&accounts, &url, &[]).await?;
        let mut depth = None;
        self.searches(&server, &url, &mut goals, &mut depth).await?;
        let served = server.peak_mebibytes()?;
        if self.wants(Measure::Writes) {
            self.writes(&server, &mut goals).await?;
        }
        if self.wants(Measure::Sync) {
            self.sync(&server, &url, &mut goals).await?;
        }
        goals.judged("serving: peak memory, searches done", format!("{served:.0} MiB"), "≤ 128 MiB", served <= 128.0);
        println!("{goals}");
        if let Some(table) = depth {
            println!("Every page of one walk (`{DOCTORS}`, `_count` 50), by depth:\n\n{table}");
        }
        drop(server);
        for url in [accounts, url] {
            if !keep {
                self.copies.remove(&url).await?;
            }
        }
        Ok(())
    }

    fn wants(&self, measure: Measure) -> bool {
        self.only.is_empty() || self.only.contains(&measure)
    }

    /// From the start of the command to its end: every index is there then.
    async fn load(&self, url: &str, goals: &mut Goals) -> Result<(), Failure> {
        say("loading");
        let ended = children::load(url, self.file)?.ended().await?;
        goals.rate("bulk load, indexes included", self.resources as f64 / ended.took.as_secs_f64(), 10_000.0);
        goals.memory("bulk load: peak memory", ended.peak_mebibytes);
        let (size, log) = self.copies.size(url).await?;
        let each = size / self.resources.max(1);
        let log = if log > 0 { format!(", and a log of {:.2} GB", log as f64 / 1e9) } else { String::new() };
        let size = format!("{:.2} GB, {each} bytes a resource{log}", size as f64 / 1e9);
        goals.told("size of the database", size, "");
        Ok(())
    }

    async fn searches(
        &self,
        server: &Server,
        url: &str,
        goals: &mut Goals,
        depth: &mut Option<Table>,
    ) -> Result<(), Failure> {
        let mut directory = Directory::connect(server.address).await?;
        let mut rows = Rows::open(url).await?;
        if self.wants(Measure::Pages) || self.wants(Measure::Walk) {
            say("searching doctors");
            let walk = directory.walk(DOCTORS).await?;
            if self.wants(Measure::Pages) {
                pages(&mut directory, &walk, goals).await?;
                *depth = Some(walk.by_depth());
            }
            if self.wants(Measure::Walk) {
                say("walking");
                walks(&mut directory, &mut rows, &walk, goals).await?;
            }
        }
        if self.wants(Measure::Identifier) {
            say("searching identifiers");
            identifiers(&mut directory, &mut rows, goals).await?;
        }
        if self.wants(Measure::Mailbox) {
            say("searching mailboxes");
            mailboxes(&mut directory, goals).await?;
        }
        if self.wants(Measure::Include) {
            say("searching structures");
            let measured = directory.repeat(STRUCTURES).await?;
            goals.latency(
                "`Organization?type=…SA05&_revinclude=PractitionerRole:organization`",
                &measured,
                Some(20.0),
                None,
            );
            let search = "PractitionerRole?organization.address-postalcode=75";
            goals.latency(&format!("`{search}`"), &directory.repeat(search).await?, None, None);
        }
        rows.close().await
    }

    /// Accounts, first alone, then while another copy is loaded.
    async fn writes(&self, server: &Server, goals: &mut Goals) -> Result<(), Failure> {
        say("writing accounts");
        let (address, process) = (server.address, server.process());
        let idle = tokio::task::spawn_blocking(move || {
            let mut accounts = Accounts::default();
            let idle = client::put(address, process, &mut accounts, WRITERS, IDLE)?;
            Ok::<_, Failure>((idle, accounts))
        });
        let (idle, mut accounts) = idle.await??;

        say("writing accounts while another copy is loaded");
        let url = self.copies.new_copy("loaded").await?;
        let load = children::load(&url, self.file)?;
        let loading = Arc::new(AtomicBool::new(true));
        let goes_on = loading.clone();
        let writes = tokio::task::spawn_blocking(move || {
            client::put_while(address, &mut accounts, WRITERS, || goes_on.load(Ordering::Relaxed))
        });
        let load = async {
            // Dropped, it ends.
            let ended = tokio::time::timeout(LOAD_TIMEOUT, load.ended()).await;
            loading.store(false, Ordering::Relaxed);
            ended.map_or(Ok(()), |ended| ended.map(drop))
        };
        let (busy, loaded) = tokio::join!(writes, load);
        let busy = busy??;
        loaded?;
        self.copies.remove(&url).await?;

        let ratio = busy.percentile(0.99).as_secs_f64() / idle.percentile(0.99).as_secs_f64();
        let rates = |measured: &Measured| format!("{}, {}/s", goals::text(measured), thousands(measured.rate()));
        goals.told(&format!("`PUT Practitioner`, {WRITERS} connections, idle"), rates(&idle), "");
        goals.told("the same while another copy is loaded", rates(&busy), "");
        goals.judged("p99 of these, of its idle value", format!("× {ratio:.1}"), "≤ × 3", ratio <= 3.0);
        Ok(())
    }

    /// A second copy from the first, over HTTP.
    async fn sync(&self, server: &Server, url: &str, goals: &mut Goals) -> Result<(), Failure> {
        say("synchronising another copy");
        let second = self.copies.new_copy("second").await?;
        let ended = children::sync(&second, server.address)?.ended().await?;
        goals.rate("synchronisation from another instance", self.resources as f64 / ended.took.as_secs_f64(), 3_000.0);
        goals.told("synchronisation: peak memory", format!("{:.0} MiB", ended.peak_mebibytes), "");
        say("comparing the copies");
        let equal = children::hashes(url)? == children::hashes(&second)?;
        goals.judged("both copies hold the same", if equal { "yes" } else { "no" }.to_owned(), "yes", equal);
        self.copies.remove(&second).await
    }
}

/// The first page, and pages from the middle of a walk.
async fn pages(directory: &mut Directory, walk: &Walk, goals: &mut Goals) -> Result<(), Failure> {
    let matches = thousands(walk.ids.len() as f64);
    let measured = directory.repeat(DOCTORS).await?;
    goals.latency(&format!("first page of `{DOCTORS}` ({matches} matches)"), &measured, Some(2.5), Some(15.0));
    let middle = walk.part(MIDDLE);
    let measured = match middle.is_empty() {
        true => Measured::of(vec![]),
        false => directory.each(|number| middle[number * 7 % middle.len()].clone()).await?,
    };
    goals.latency("middle pages of it", &measured, Some(3.0), Some(15.0));
    Ok(())
}

/// All pages of 200, beside the same rows without us.
async fn walks(directory: &mut Directory, rows: &mut Rows, walk: &Walk, goals: &mut Goals) -> Result<(), Failure> {
    let numbers = rows.numbers(&walk.ids).await?;
    if numbers.len() != walk.ids.len() {
        return Err(format!("{} rows for {} matches", numbers.len(), walk.ids.len()).into());
    }
    let mut measured = vec![];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        directory.pass(&format!("{DOCTORS}&_count=200")).await?;
        let walked = numbers.len() as f64 / start.elapsed().as_secs_f64();
        let start = Instant::now();
        rows.read(&numbers).await?;
        measured.push((walked, numbers.len() as f64 / start.elapsed().as_secs_f64()));
    }
    measured.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
    let (walked, by_key) = measured[measured.len() / 2];
    let share = walked / by_key;
    goals.rate("whole walk of it, `_count=200`", walked, 20_000.0);
    goals.told("the same rows by key, without us", format!("{} resources/s", thousands(by_key)), "");
    goals.judged("the walk, of these", format!("{:.0} %", 100.0 * share), "≥ 60 %", share >= 0.6);
    Ok(())
}

async fn identifiers(directory: &mut Directory, rows: &mut Rows, goals: &mut Goals) -> Result<(), Failure> {
    let known = rows.some_rpps(directory::WARMING_UP + REQUESTS).await?;
    let search = |number: usize| format!("Practitioner?identifier={}", known[number % known.len()]);
    if directory.get(&search(0)).await?.1.entries()?.is_empty() {
        return Err(format!("nobody found with {}", search(0)).into());
    }
    let measured = directory.each(search).await?;
    goals.latency("`Practitioner?identifier=…`, of anybody", &measured, None, Some(2.0));
    // Those of the invented directory begin with 10.
    let mut random = Random::default();
    let measured = directory.each(|_| format!("Practitioner?identifier=899{:08}", random.below(100_000_000))).await?;
    goals.latency("`Practitioner?identifier=…`, of nobody", &measured, None, Some(2.0));
    Ok(())
}

async fn mailboxes(directory: &mut Directory, goals: &mut Goals) -> Result<(), Failure> {
    let search = |text: &str| {
        let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        format!("Practitioner?mailbox-mss:contains={text}")
    };
    let (_, first) = directory.get(&search("@")).await?;
    let addresses = first.entries()?.into_iter().flat_map(|found| found.telecom).filter_map(|telecom| telecom.value);
    let address = addresses.filter(|value| value.contains('@')).max_by_key(|value| value.find('@'));
    let address = address.ok_or("nobody has a mailbox")?;
    // From its second letter to the first ones of the domain.
    let end = address.find('@').unwrap_or_default() + 4;
    let rare = address.get(1..end).unwrap_or(&address);
    for (name, text) in [
        ("%40", "@"),
        ("@medecin.mssante.fr", "@medecin.mssante.fr"),
        ("… (a rare address)", rare),
        ("… (absent, of parts that are not)", "medecin.mssante.fr@medecin"),
        ("… (absent)", "zqxj.wvkq@zzz"),
    ] {
        let measured = directory.repeat(&search(text)).await?;
        goals.latency(&format!("`mailbox-mss:contains={name}`"), &measured, Some(50.0), None);
    }
    Ok(())
}
