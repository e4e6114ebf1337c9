//! What all pages have in common: the frame around their content, and the page of a refusal.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::fault_text::FaultText;
use super::text::{Text, fill};
use super::visit::Visit;
use crate::issue::Language;

/// The frame of a page.
pub struct Layout {
    pub text: &'static Text,
    pub title: &'static str,
    visit: Visit,
    /// The path of the page.
    current: &'static str,
}

/// A page in the navigation.
pub struct Link {
    pub path: &'static str,
    pub title: &'static str,
    pub is_current: bool,
}

impl Layout {
    /// The frame of the page at this path; `title` is its first heading too.
    pub fn new(visit: &Visit, current: &'static str, title: &'static str) -> Self {
        Self { text: visit.text(), title, visit: visit.clone(), current }
    }

    pub fn language(&self) -> &'static str {
        self.visit.language.tag()
    }

    /// The navigation; empty before the login.
    pub fn links(&self) -> Vec<Link> {
        if self.visit.csrf.is_none() {
            return vec![];
        }
        let pages = [
            ("/console", self.text.state),
            ("/console/exchanges", self.text.exchanges),
            ("/console/accounts", self.text.accounts),
            ("/console/appointments", self.text.appointments),
            ("/console/directory", self.text.directory),
            ("/console/validate", self.text.validate),
            ("/console/rules", self.text.rules),
            ("/console/webhooks", self.text.webhooks),
            ("/console/faults", self.text.faults),
        ];
        pages.map(|(path, title)| Link { path, title, is_current: path == self.current }).into()
    }

    /// What everybody is to know who looks at a page.
    pub fn warning(&self) -> Option<&'static str> {
        self.visit.warns_of_faults.then(|| FaultText::of(self.visit.language).beside_callers)
    }

    /// The path and the query of this page.
    pub fn here(&self) -> String {
        self.visit.here()
    }

    /// The languages: tag, name in itself, link, whether it is the page's.
    pub fn languages(&self) -> [(&'static str, &'static str, String, bool); 2] {
        [(Language::French, "Français"), (Language::English, "English")].map(|(language, name)| {
            (language.tag(), name, self.visit.in_language(language), language == self.visit.language)
        })
    }

    /// Who has logged in.
    pub fn logged_in(&self) -> Option<String> {
        self.visit.caller.as_deref().map(|caller| fill(self.text.logged_in_as, &[("caller", caller)]))
    }

    /// The token of forms.
    pub fn csrf(&self) -> &str {
        self.visit.csrf.as_deref().unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    layout: Layout,
    todo: &'a str,
    /// A `[[caller]]` to copy.
    example: Option<&'static str>,
}

/// What the page of a console that nobody may use shows to copy.
const EXAMPLE: &str = "[[caller]]\nname = \"alice\"\ntoken_sha256 = \"…\"\nrights = [\"console\"]";

/// The page that says why a request is refused.
pub fn refusal(visit: &Visit, status: StatusCode, title: &'static str, todo: &str, with_example: bool) -> Response {
    let layout = Layout::new(visit, "", title);
    respond(status, &RefusalPage { layout, todo, example: with_example.then_some(EXAMPLE) })
}

/// The response of a page.
pub fn respond(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!("a page of the console cannot be made: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
