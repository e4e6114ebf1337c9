//! The forms of FHIR's primitive types that a pattern states badly or slowly.
//!
//! <http://hl7.org/fhir/R4/datatypes.html>

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::LazyLock;

use base64::alphabet::STANDARD;
use base64::engine::{Engine, GeneralPurpose, GeneralPurposeConfig};
use isolang::Language;
use oxilangtag::LanguageTag;
use uuid::Uuid;

/// Maximum length of a `string` or `markdown`, in characters.
const MAX_STRING_LENGTH: usize = 1 << 20;

/// Maximum length of an `id`.
const MAX_ID_LENGTH: usize = 64;

/// Whether a character can be seen: neither white space, nor a control, nor a character that shows nothing.
///
/// Unicode, DerivedCoreProperties, Default_Ignorable_Code_Point; the blank pattern of Braille (U+2800) too.
pub fn is_visible(c: char) -> bool {
    let is_ignorable = || {
        matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
    };
    c.is_ascii_graphic() || !(c.is_whitespace() || c.is_control() || is_ignorable())
}

/// `string`, `markdown`: at most 1,048,576 characters, one of them visible.
pub fn is_string(text: &str) -> bool {
    let is_short = text.len() <= MAX_STRING_LENGTH || text.chars().nth(MAX_STRING_LENGTH).is_none();
    is_short && text.chars().any(is_visible)
}

/// `code`: no white space around it, and no two blanks in a row.
pub fn is_code(text: &str) -> bool {
    text.split(char::is_whitespace).all(|word| !word.is_empty())
}

/// `id`: at most 64 letters, digits, `-` and `.` of ASCII.
pub fn is_id(text: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=MAX_ID_LENGTH).contains(&text.len()) && text.bytes().all(is_legal)
}

/// `uri`, `url`: without white space; an OID or a UUID that it names has its own form.
pub fn is_uri(text: &str) -> bool {
    let is_own_form = || match text.split_at_checked(9) {
        Some(("urn:uuid:", uuid)) => is_uuid(uuid),
        _ => text.strip_prefix("urn:oid:").is_none_or(is_oid),
    };
    has_no_blank(text) && !text.is_empty() && is_own_form()
}

/// Nearly all are of ASCII alone.
fn has_no_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic()) || !text.contains(char::is_whitespace)
}

/// The numbers of an OID: the first is 0, 1 or 2, none has a leading zero, and there are two or more.
fn is_oid(arcs: &str) -> bool {
    let is_number = |arc: &str| arc == "0" || !arc.starts_with('0') && arc.bytes().all(|byte| byte.is_ascii_digit());
    let mut arcs = arcs.split('.');
    let first = arcs.next().is_some_and(|arc| matches!(arc, "0" | "1" | "2"));
    let mut others = arcs.peekable();
    first && others.peek().is_some() && others.all(|arc| !arc.is_empty() && is_number(arc))
}

/// 36 characters, letters in lower case: RFC 4122 writes them so, and R4 asks it.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::from_str(text).is_ok() && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Whether a `uri` has a scheme, written in lower case as the HL7 validator asks. What is no `uri` is not looked at.
pub fn is_absolute(text: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.');
    let is_scheme = |scheme: &str| scheme.starts_with(|c: char| c.is_ascii_lowercase()) && scheme.bytes().all(is_legal);
    let has_scheme = text.split_once(':').is_some_and(|(scheme, rest)| !rest.is_empty() && is_scheme(scheme));
    has_scheme || !is_uri(text)
}

/// `canonical`: an absolute `uri`, or a fragment (`#id`).
pub fn is_canonical(text: &str) -> bool {
    text.starts_with('#') || is_absolute(text)
}

/// `Reference.reference`: without white space.
pub fn is_reference(text: &str) -> bool {
    has_no_blank(text)
}

/// `base64Binary`: RFC 4648 with its padding; white space may stand between groups of four characters.
pub fn is_base64(text: &str) -> bool {
    decode_base64(text).is_some()
}

/// The bytes of a `base64Binary`.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const ENGINE: GeneralPurpose =
        GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    let mut groups = text.split_ascii_whitespace();
    let compact = groups.try_fold(String::with_capacity(text.len()), |compact, group| {
        (group.len() % 4 == 0).then_some(compact + group)
    })?;
    ENGINE.decode(compact).ok().filter(|bytes| !bytes.is_empty())
}

/// A language tag of BCP 47 whose language is a registered one: `fr`, `fr-CA`, `sr-Cyrl`, `frr`, `ber`, `i-default`.
///
/// The registry has the two letters of ISO 639-1, the three of ISO 639-3 where there are no two, those for private use,
/// and some others. A tag that is private as a whole (`x-abc`) names no language.
pub fn is_language(text: &str) -> bool {
    let Ok(tag) = LanguageTag::parse(text) else { return false };
    let language = tag.primary_language().to_ascii_lowercase();
    let is_other = || OTHER_LANGUAGES.contains(&language.as_str()) || ("qaa"..="qtz").contains(&language.as_str());
    match language.len() {
        2 => Language::from_639_1(&language).is_some() || is_other(),
        3 => Language::from_639_3(&language).is_some_and(|language| language.to_639_1().is_none()) || is_other(),
        // Whole tags that were registered before BCP 47: the parser knows them.
        _ => language.starts_with("i-"),
    }
}

/// The languages of the registry that are in neither ISO 639-1 nor 639-3: collections of ISO 639-5, and languages that these standards had once.
/// <https://www.iana.org/assignments/language-subtag-registry>, of 2025-08-25.
static OTHER_LANGUAGES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let languages = "\
    aam aav adp afa agp ais ajp ajt alg alv aoh apa aqa aql art asd ath aue auf aus awd ayx ayy azc bad bai bat baz \
    bbz ber bgm bh bhk bic bij bjd bjq bkb blg bmy bnt bpb btb btk btl bxx byy cai cau cba cbe cbh cca ccn ccq ccs \
    cdc cdd cdg cel cjr cka cmc cmk coy cpe cpf cpp cqu crp csu cug cum cus daf dap day dek dgu dha dit djl dkl dmn \
    dra drh drr drw dud duj dwl egx ekc elp emo esx euq fiu fox gav gbc gem gfx ggn ggo ggr gio gji gli gme gmq gmw \
    grk gti guv him hmx hok hrr hyx iap ibi iir ijo ill ilw ime in inc ine ira iro itc iw izi jar jeg ji jpx jw kar \
    kbf kdo kdv kgc kgd kgh kgm khi kjf koj kox kpp krm kro ksa ktr kvs kwq kxe kxl kxu kzh kzj kzt lak lba leg lii \
    llo lmm lmz lno lsg map meg mgx mhh mja mkh mld mno mnt mo mof mst mun mvm mwd mwj mwx mwy myd myi myn myq myt \
    nad nah nai nbf nbx ncp ngf ngo nic nln nlr nns nnx nom noo nte nts nub nxu ome omq omv oto oun paa pat pbz pcr \
    pgy phi pii plf plj plp pmc pmk pmu pod poz ppa ppr pqe pqw pra prb prp pry puk puz qwe rie rmr rna roa rsi sai \
    sal sap sca sdm sdv sem sgl sgn sgo sio sit skk sla slq smd smi snb snh son sqj ssa sul sum svr syd szd tai tbb \
    tbq tdu tgg thc thw thx tid tie tkk tlw tmk tmp tne tnf toe tpw trk tsf tup tut tuw unp uok urj uun vki wak wen \
    wgw wit wiw wra wrd wya xba xbx xgn xia xip xkh xnd xrq xss xtz ybd yds yen yiy yma ymt ynh yos ypk yri yuu zhx \
    zir zkb zle zls zlw znd zua \
    ";
    languages.split_ascii_whitespace().collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_form(form: fn(&str) -> bool, legal: &[&str], illegal: &[&str]) {
        for text in legal {
            assert!(form(text), "{text:?} is legal");
        }
        for text in illegal {
            assert!(!form(text), "{text:?} is illegal");
        }
    }

    #[test]
    fn primitive_string_without_visible_character_is_refused() {
        let illegal =
            ["", " ", "\t", "\u{A0}", "\u{200B}", "\u{2060}\u{AD}\u{FEFF}", "\u{3164}", "\u{2800}", "\u{202E}"];
        assert_form(is_string, &["a", " é", "\u{200B}x", "日本", "-"], &illegal);
        assert!(!is_string(&"a".repeat(MAX_STRING_LENGTH + 1)));
        assert!(is_string(&"é".repeat(MAX_STRING_LENGTH)));
    }

    #[test]
    fn primitive_code_with_surplus_white_space_is_refused() {
        assert_form(is_code, &["a", "a b", "<="], &["", " a", "a ", "a  b", "\t"]);
        assert_form(is_id, &["a", "A-1.b"], &["", "a_b", "é", &"a".repeat(65)]);
    }

    #[test]
    fn primitive_uri_of_oid_or_uuid_is_well_formed() {
        let uuid = "urn:uuid:0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";
        assert_form(
            is_uri,
            &[
                "urn:oid:1.2",
                "urn:oid:2.999.1",
                "urn:oid:1.2.250.1.213.3.6",
                uuid,
                "abc",
                "https://a.example/é",
                "urn:OID:x",
            ],
            &[
                "",
                "a b",
                "urn:oid:",
                "urn:oid:1",
                "urn:oid:1..2",
                "urn:oid:3.2",
                "urn:oid:1.02",
                "urn:oid:1.2.",
                "urn:oid:1.x",
                "urn:uuid:",
                "urn:uuid:zz",
                &uuid.to_uppercase().replace("URN:UUID:", "urn:uuid:"),
                "urn:uuid:0b9c2a547f0e4c1b9d556f2f6d0e8a11",
            ],
        );
    }

    #[test]
    fn primitive_relative_uri_is_not_absolute() {
        let relative = ["abc", "1.2.250.1", "HTTP://a.example", "#a", "urn:", ":a", "%zz", "../a"];
        assert_form(is_absolute, &["https://a.example", "urn:oid:1.2", "mailto:a", "a b"], &relative);
        assert_form(is_canonical, &["#a", "https://a.example|1"], &["abc", "/a"]);
    }

    #[test]
    fn primitive_base64_with_wrong_padding_is_refused() {
        let illegal = ["", "=", "====", "Q", "QQ=", "QUJ", "QUJD=", "QQ==QQ==", "a-_b", "Q===", "QU JD"];
        assert_form(is_base64, &["QUJD", "QUI=", "QQ==", "QR==", "QUJD\n QUJD "], &illegal);
    }

    #[test]
    fn primitive_language_that_is_not_registered_is_refused() {
        assert_form(
            is_language,
            &[
                "fr",
                "FR",
                "fr-FR",
                "sr-Cyrl",
                "frr",
                "gsw-CH",
                "de-DE-1996",
                "es-419",
                "en-x-foo",
                "mul",
                "ber",
                "nah",
                "iw",
                "qaa",
                "i-default",
                "i-klingon",
            ],
            &["", "x", "zz", "xx-YY", "klingon", "french", "fr_FR", "fra", "x-private", "i-x", "fr-", "fr FR", "é"],
        );
    }
}
