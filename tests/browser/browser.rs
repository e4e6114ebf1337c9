//! A browser for one test.

use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use thirtyfour::{By, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};

use crate::driver::driver;
use crate::support::polling::poll_until;

pub const TAB: char = '\u{e004}';
pub const ENTER: char = '\u{e007}';

/// Maximum height of a screenshot, in pixels.
const MAX_HEIGHT: u64 = 4_000;

/// Switches of Chromium.
const SWITCHES: [&str; 7] = [
    "--headless=new",
    // In containers, for root.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

pub struct Browser {
    /// What it does when it is dropped waits for the runtime that ends at that moment: the test that fails would hang.
    driver: ManuallyDrop<WebDriver>,
}

/// How wide the window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Wide = 1280,
    /// A phone's.
    Narrow = 390,
}

impl Browser {
    /// With a profile of its own; `None` where there is no browser. A browser of a test that fails ends with the process.
    pub async fn open() -> Option<Self> {
        let driver = driver()?;
        let mut capabilities = DesiredCapabilities::chrome();
        for switch in SWITCHES {
            capabilities.add_arg(switch).expect("JSON");
        }
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::Info).expect("JSON");
        let driver = WebDriver::new(&driver.url, capabilities).await.expect("a browser");
        Some(Self { driver: ManuallyDrop::new(driver) })
    }

    pub async fn close(self) {
        ManuallyDrop::into_inner(self.driver).quit().await.expect("closed");
    }

    pub async fn go(&self, url: &str) {
        self.driver.goto(url).await.unwrap_or_else(|error| panic!("{error}: {url}"));
    }

    /// The address of the page, from its path on.
    pub async fn path(&self) -> String {
        self.text("return location.pathname + location.search + location.hash").await
    }

    /// Runs a script of the test in the page, which the policy of the page does not concern.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        let returned = self.driver.execute(script, arguments).await;
        returned.unwrap_or_else(|error| panic!("{error}: {script}")).json().clone()
    }

    /// What such a script returns, as text.
    pub async fn text(&self, script: &str) -> String {
        match self.run(script, vec![]).await {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    /// Asserts that this is true of the page, now or once it is there.
    pub async fn wait_for(&self, condition: &str) {
        let script = format!("return Boolean({condition})");
        // While another page comes, there is none to ask.
        poll_until(condition, async || {
            self.driver.execute(&*script, vec![]).await.is_ok_and(|returned| *returned.json() == true)
        })
        .await;
    }

    /// Replaces the page by this one, which comes from nowhere.
    pub async fn write_page(&self, html: &str) {
        self.go("about:blank").await;
        self.run("document.open(); document.write(arguments[0]); document.close()", vec![html.into()]).await;
    }

    /// Presses these keys one after the other, wherever the focus is.
    pub async fn press(&self, keys: impl IntoIterator<Item = char>) {
        let keys: String = keys.into_iter().collect();
        self.driver.action_chain().send_keys(keys).perform().await.expect("pressed");
    }

    /// Presses Tab until the focus is on an element that matches.
    pub async fn tab_to(&self, selector: &str) {
        for _ in 0..200 {
            self.press([TAB]).await;
            let is_there = self.run("return document.activeElement.matches(arguments[0])", vec![selector.into()]).await;
            if is_there == true {
                return;
            }
        }
        panic!("Tab does not lead to {selector}");
    }

    /// Chooses a file in a field.
    pub async fn choose_file(&self, selector: &str, file: &Path) {
        let field = self.driver.find(By::Css(selector)).await.expect("the field");
        field.send_keys(file.to_str().expect("UTF-8")).await.expect("chosen");
    }

    pub async fn set_width(&self, width: Width) {
        let is_narrow = width == Width::Narrow;
        let height = if is_narrow { 844 } else { 800 };
        let metrics = json!({ "width": width as u32, "height": height, "deviceScaleFactor": 1, "mobile": is_narrow });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// `light` or `dark`, as the person prefers.
    pub async fn set_scheme(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// `print`, or none: as the page is shown.
    pub async fn set_medium(&self, medium: &str) {
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": medium })).await;
    }

    /// Keeps downloads in this folder.
    pub async fn keep_downloads(&self, folder: &Path) {
        let path = folder.to_str().expect("UTF-8");
        self.devtools("Browser.setDownloadBehavior", json!({ "behavior": "allow", "downloadPath": path })).await;
    }

    /// What the browser has logged since it was asked before: errors, and violations of the policy of a page.
    pub async fn log(&self) -> Vec<String> {
        let entries = self.driver.browser_log().await.expect("the log");
        entries.into_iter().map(|entry| entry.message).collect()
    }

    /// Keeps the page, as far as it is shown within the width, as an image.
    pub async fn keep_screenshot(&self, name: &str) {
        let size = self.run("return [innerWidth, document.documentElement.scrollHeight]", vec![]).await;
        let height = size[1].as_u64().expect("a height").min(MAX_HEIGHT);
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": height, "scale": 1 });
        // A page of many screens takes seconds to compress well.
        let settings = json!({ "captureBeyondViewport": true, "clip": clip, "optimizeForSpeed": true });
        let image = self.devtools("Page.captureScreenshot", settings).await;
        let image = BASE64_STANDARD.decode(image["data"].as_str().expect("an image")).expect("base64");
        let folder = screenshots();
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("{name}.png")), image).expect("written");
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let answer = self.driver.cdp().send_raw(command, parameters).await;
        answer.unwrap_or_else(|error| panic!("{error}: {command}"))
    }
}

/// The folder of screenshots, in that of the build.
fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("console-screenshots")
}
