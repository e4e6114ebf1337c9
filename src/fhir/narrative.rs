//! Checks the XHTML of a narrative against the elements and attributes that R4 allows.
//!
//! A program that displays a narrative executes its active content. The narrative is parsed once as XML; anything that
//! R4's txt-1 does not list is refused, and so is anything that HTML parsers and XML parsers read differently.
//!
//! <http://hl7.org/fhir/R4/narrative.html>

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, Event};

use super::primitive::is_visible;

const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// Maximum attributes of an element: the list has fewer, and none may be given twice.
const MAX_ATTRIBUTES: usize = 64;

/// Maximum depth of elements.
const MAX_DEPTH: usize = 64;

/// The elements of txt-1, with the three of chapters 7, 8 and 15 of HTML 4 that its XPath forgets. Sorted.
#[rustfmt::skip]
const ELEMENTS: [&str; 51] = [
    "a", "abbr", "acronym", "address", "b", "bdo", "big", "blockquote", "br", "caption", "cite", "code", "col",
    "colgroup", "dd", "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd",
    "li", "ol", "p", "pre", "q", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot",
    "th", "thead", "tr", "tt", "ul", "var",
];

/// The attributes of txt-1. Sorted.
#[rustfmt::skip]
const ATTRIBUTES: [&str; 49] = [
    "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding", "cellspacing",
    "cellvalign", "char", "charoff", "charset", "cite", "class", "colspan", "compact", "coords", "dir", "frame",
    "headers", "height", "href", "hreflang", "hspace", "id", "lang", "longdesc", "name", "nowrap", "rel", "rev",
    "rowspan", "rules", "scope", "shape", "span", "src", "start", "style", "summary", "tabindex", "title", "type",
    "valign", "value", "vspace", "width",
];

/// The attributes that name a resource of the web.
const LINKS: [&str; 4] = ["cite", "href", "longdesc", "src"];

/// Schemes that neither execute code nor read local files.
const SCHEMES: [&str; 6] = ["cid", "ftp", "http", "https", "mailto", "tel"];

/// Images may be embedded.
const EMBEDDED_IMAGE: &str = "data:image/";

/// Why a narrative is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not one well-formed XHTML `div`, or it exceeds the limits.
    Unreadable,
    /// txt-1: an element or attribute is not allowed, or a link may execute code.
    Forbidden,
    /// txt-2: it shows neither text nor image.
    Invisible,
}

/// Reads the `div` of a narrative once, in time proportional to its size.
pub fn check(text: &str) -> Result<(), Fault> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let (mut depth, mut shows_something, mut is_over) = (0, false, false);
    loop {
        match reader.read_event().map_err(|_| Fault::Unreadable)? {
            Event::Start(element) => {
                enter(&element, depth, is_over)?;
                shows_something |= element.name().0 == "img";
                depth += 1;
            }
            Event::Empty(element) => {
                enter(&element, depth, is_over)?;
                shows_something |= element.name().0 == "img";
                is_over |= depth == 0;
            }
            Event::End(_) => {
                depth -= 1;
                is_over |= depth == 0;
            }
            Event::Text(text) if depth > 0 => shows_something |= text.contains(is_visible),
            Event::GeneralRef(reference) if depth > 0 => {
                let character = reference.resolve_char_ref().map_err(|_| Fault::Unreadable)?;
                let is_known = || matches!(&*reference, "amp" | "apos" | "gt" | "lt" | "quot");
                shows_something |= match character {
                    Some(character) => is_visible(character),
                    None if is_known() => true,
                    None => return Err(Fault::Unreadable),
                };
            }
            Event::Text(text) if text.trim_ascii().is_empty() => {}
            Event::Text(_) | Event::GeneralRef(_) | Event::DocType(_) => return Err(Fault::Unreadable),
            // `<!-->` and `<!--->` are whole comments to an HTML reader.
            Event::Comment(comment) if !comment.starts_with(['>', '-']) => {}
            // An HTML reader ends these at their first `>`, and reads what follows.
            Event::Comment(_) | Event::CData(_) | Event::PI(_) | Event::Decl(_) => return Err(Fault::Forbidden),
            Event::Eof if depth == 0 && is_over => break,
            Event::Eof => return Err(Fault::Unreadable),
        }
    }
    if shows_something { Ok(()) } else { Err(Fault::Invisible) }
}

/// Whether an element may stand at this depth.
fn enter(element: &BytesStart<'_>, depth: usize, is_over: bool) -> Result<(), Fault> {
    let name = element.name().0;
    if depth >= MAX_DEPTH || (depth == 0 && (is_over || name != "div")) {
        return Err(Fault::Unreadable);
    }
    if ELEMENTS.binary_search(&name).is_err() {
        return Err(Fault::Forbidden);
    }
    let mut has_namespace = false;
    for (index, attribute) in element.attributes().enumerate() {
        let attribute = attribute.map_err(|_| Fault::Unreadable)?;
        if index == MAX_ATTRIBUTES || !is_allowed(&attribute, name)? {
            return Err(Fault::Forbidden);
        }
        has_namespace |= attribute.key.0 == "xmlns";
    }
    if depth == 0 && !has_namespace { Err(Fault::Unreadable) } else { Ok(()) }
}

/// Whether an element of this name may have the attribute. Only the namespace of XHTML may be declared, and no prefix:
/// HTML knows none.
fn is_allowed(attribute: &Attribute<'_>, element: &str) -> Result<bool, Fault> {
    let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| Fault::Unreadable)?;
    Ok(match attribute.key.0 {
        _ if attribute.value.contains('<') => return Err(Fault::Unreadable),
        "xmlns" if value != XHTML => return Err(Fault::Unreadable),
        "xmlns" | "xml:lang" | "xml:space" => true,
        name if LINKS.contains(&name) => is_harmless(&value, element == "img"),
        name => ATTRIBUTES.binary_search(&name).is_ok(),
    })
}

/// Whether a link is relative, or of a known scheme. Readers of HTML skip blanks and controls in front of a scheme
/// and within it.
fn is_harmless(link: &str, is_image: bool) -> bool {
    let link: String = link.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let link = link.to_ascii_lowercase();
    match link.split_once(':') {
        Some((scheme, _)) if !scheme.contains(['/', '?', '#']) => {
            SCHEMES.contains(&scheme) || (is_image && link.starts_with(EMBEDDED_IMAGE))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &str) -> Result<(), Fault> {
        check(&format!(r#"<div xmlns="{XHTML}">{content}</div>"#))
    }

    #[test]
    fn narrative_lists_are_sorted() {
        assert!(ELEMENTS.is_sorted() && ATTRIBUTES.is_sorted());
    }

    #[test]
    fn narrative_of_txt_1_is_accepted() {
        for content in [
            "a",
            r#"<p style="color:red" class="x" lang="fr" xml:lang="fr" id="z" title="t" dir="ltr">a</p>"#,
            r#"<table border="1"><thead><tr><th colspan="2">a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>"#,
            r#"<a href="https://a.example">a</a><a href="mailto:a@b.example">b</a><a name="c">c</a><a href="d/e?f=g:h">d</a>"#,
            r##"<a href="#x">a</a>"##,
            r#"<img src="a.png" alt="b"/>"#,
            r#"<img src="data:image/png;base64,QUJD"/>"#,
            "a<!-- c -->",
            "&lt;&amp;&#160;&#233;",
            r#"<ol start="2"><li value="2">a</li></ol>"#,
            r#"<p xmlns="http://www.w3.org/1999/xhtml">a</p>"#,
        ] {
            assert_eq!(of(content), Ok(()), "{content}");
        }
    }

    #[test]
    fn narrative_with_active_content_is_forbidden() {
        for content in [
            "<script>1</script>",
            "<style>a</style>",
            r#"<iframe src="x">a</iframe>"#,
            "<form>a</form>",
            "<object>a</object>",
            "<svg>a</svg>",
            "<u>a</u>",
            "<P>a</P>",
            r#"<p onclick="x">a</p>"#,
            r#"<p data-x="1">a</p>"#,
            r#"<img srcset="x" alt="a"/>"#,
            r#"<a target="_blank" href="x">a</a>"#,
            r#"<a href="javascript:x">a</a>"#,
            r#"<a href="JavaScript:x">a</a>"#,
            r#"<a href=" javascript:x">a</a>"#,
            r#"<a href="java&#x0A;script:x">a</a>"#,
            r#"<a href="&#106;avascript:x">a</a>"#,
            r#"<a href="vbscript:x">a</a>"#,
            r#"<a href="data:text/html,x">a</a>"#,
            r#"<a href="data:image/png,x">a</a>"#,
            r#"<a href="file:///x">a</a>"#,
            r#"<img src="javascript:x"/>"#,
            r#"<q cite="javascript:x">a</q>"#,
            r#"<x:p xmlns:x="http://www.w3.org/1999/xhtml">a</x:p>"#,
            r#"<p xmlns:x="http://a.example" x:onclick="1">a</p>"#,
            "<![CDATA[><img src=x onerror=alert(1)>]]>a",
            "<?x ><img src=x onerror=alert(1)>?>a",
            "<!--><img src=x onerror=alert(1)>-->a",
            "<!---><img src=x onerror=alert(1)>-->a",
        ] {
            assert_eq!(of(content), Err(Fault::Forbidden), "{content}");
        }
    }

    #[test]
    fn narrative_malformed_is_refused() {
        for content in [
            "<b>a</i>",
            "a & b",
            "&nbsp;",
            "&eacute;",
            "<br>a",
            "<p>a",
            "</p>a",
            "<p class=x>a</p>",
            "<p xmlns='a:b'>a</p>",
        ] {
            assert_eq!(of(content), Err(Fault::Unreadable), "{content}");
        }
        let deep = |levels: usize| of(&format!("{}a{}", "<b>".repeat(levels), "</b>".repeat(levels)));
        assert_eq!((deep(MAX_DEPTH - 1), deep(MAX_DEPTH)), (Ok(()), Err(Fault::Unreadable)));
        assert_eq!(deep(100_000), Err(Fault::Unreadable));
        let attributes = |number| (0..number).map(|index| format!(" a{index}=''")).collect::<String>();
        assert_eq!(of(&format!("<p{}>a</p>", attributes(100_000))), Err(Fault::Forbidden));
        assert_eq!(of(r#"<p title="a" title="b">a</p>"#), Err(Fault::Unreadable));
        assert_eq!(of(r#"<p title="a<b">a</p>"#), Err(Fault::Unreadable));
        for text in [
            "",
            "a",
            "<div>a</div>",
            r#"<div xmlns="http://www.w3.org/1999/XHTML">a</div>"#,
            r#"<span xmlns="http://www.w3.org/1999/xhtml">a</span>"#,
            r#"<!DOCTYPE x><div xmlns="http://www.w3.org/1999/xhtml">a</div>"#,
            r#"<!DOCTYPE x [<!ENTITY y "z">]><div xmlns="http://www.w3.org/1999/xhtml">&y;</div>"#,
            r#"<div xmlns="http://www.w3.org/1999/xhtml">a"#,
            r#"<div xmlns="http://www.w3.org/1999/xhtml">a</div><div/>"#,
        ] {
            assert_eq!(check(text), Err(Fault::Unreadable), "{text}");
        }
    }

    #[test]
    fn narrative_without_visible_content_is_invisible() {
        for content in ["", " ", "<b></b>", "<br/>", "<hr/>", "<!-- c -->", r#"<p title="x"/>"#, "&#160;", "&#x200B;"] {
            assert_eq!(of(content), Err(Fault::Invisible), "{content}");
        }
    }
}
