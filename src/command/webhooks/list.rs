//! `webhooks`: a line for each webhook.

use std::process::ExitCode;

use serde::Serialize;

use crate::command::failure::Failure;
use crate::command::terminal;
use crate::config::Config;
use crate::storage::Storage;
use crate::storage::feed::Position;
use crate::webhook::WebhookStatus;

/// A webhook as it is listed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(flatten)]
    status: WebhookStatus,
    head: Position,
    configured: bool,
}

/// Prints the webhooks that the database knows, and those of the settings that it does not know yet.
pub async fn list(json: bool, config: &Config) -> Result<ExitCode, Failure> {
    let storage = Storage::open_existing(&config.database_url).await?;
    let (rows, head) = (storage.webhooks().await?, storage.head().await?);
    storage.close().await;
    let is_configured = |name: &str| config.webhooks.iter().any(|webhook| webhook.name == name);
    let new: Vec<_> = config.webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
    let new: Vec<_> = new.into_iter().filter(|name| rows.iter().all(|row| row.webhook != *name)).collect();
    let listed: Vec<_> = rows
        .iter()
        .map(|row| Listed {
            configured: is_configured(&row.webhook),
            status: WebhookStatus::new(row.clone(), head),
            head,
        })
        .collect();
    if json {
        println!("{}", terminal::json(&serde_json::to_string_pretty(&listed)?));
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines: Vec<_> = listed.iter().map(format_row).collect();
    lines.extend(new.iter().map(|name| {
        let [none, state] = ["-", "not started: `serve` starts it"].map(str::to_owned);
        [(*name).to_owned(), none.clone(), head.to_string(), none.clone(), none.clone(), none, state]
    }));
    match lines.is_empty() {
        true => println!("No webhook is configured."),
        false => {
            let titles = ["NAME", "POSITION", "HEAD", "LAG", "FAILING SINCE", "LAST ANSWER", "STATE"];
            print!("{}", format_table(titles, &lines));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn format_row(listed: &Listed) -> [String; 7] {
    let Listed { status, head, configured } = listed;
    let none = || "-".to_owned();
    let last = &status.last_answer;
    let answer = match (&last.at, last.status) {
        (Some(at), Some(code)) => format!("{code} at {at}"),
        (Some(at), None) => format!("none at {at}"),
        (None, _) => none(),
    };
    let state = match (&status.reason, &last.error, configured) {
        (_, _, false) => "not configured".to_owned(),
        (Some(reason), ..) => format!("paused: {reason}"),
        (None, Some(error), true) if status.failing_since.is_some() => format!("failing: {error}"),
        (None, ..) => status.state.to_owned(),
    };
    [
        status.name.clone(),
        status.position.to_string(),
        head.to_string(),
        status.lag.to_string(),
        status.failing_since.clone().unwrap_or_else(none),
        answer,
        state,
    ]
}

/// Formats rows below their titles, each column as wide as its widest cell.
pub fn format_table<const COLUMNS: usize>(titles: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let rows = rows.iter().map(|row| row.each_ref().map(|cell| terminal::cell(cell).into_owned()));
    let rows: Vec<_> = std::iter::once(titles.map(str::to_owned)).chain(rows).collect();
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    });
    lines.collect()
}
