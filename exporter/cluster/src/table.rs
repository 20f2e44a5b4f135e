//! Tables of the API server (`meta.k8s.io/v1` Table, `as=Table;v=v1;g=meta.k8s.io`): what kubectl prints,
//! a row an object, each with the object's metadata. Of Secrets they tell the type, which stands beside
//! the metadata, without the contents.
//!
//! A list is a table; so is each event of a watch, with one row. Only the first table of an
//! answer says what its columns are. The end of a streamed list is marked in the metadata of its row.

use crate::{fault::Fault, watch::Extent};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The kind of a table.
const KIND: &str = "Table";
/// The column with the type of a Secret.
const TYPE: &str = "Type";

/// The columns of an answer's tables, as far as they are read.
#[derive(Debug)]
pub(crate) struct Columns {
    /// Whether there may be tables at all.
    tables: bool,
    /// The place of the type.
    r#type: Option<usize>,
    /// A row as an object.
    object: Vec<u8>,
}

#[derive(Deserialize)]
struct Table<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(rename = "columnDefinitions", borrow)]
    columns: Option<Vec<Column<'a>>>,
    /// Each is read by itself, so that a torn one costs itself.
    #[serde(borrow)]
    rows: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Column<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    cells: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    object: Partial<'a>,
}

#[derive(Deserialize)]
struct Partial<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

// === impl Columns ===

impl Columns {
    /// Those of an answer that has so much of each object.
    pub(crate) fn new(extent: Extent) -> Self {
        Self { tables: extent == Extent::Typed, r#type: None, object: Vec::new() }
    }

    /// Gives each row of a table as an object with `metadata` and, where it is known, `type`; what is no
    /// table, or a torn one, as it is.
    pub(crate) fn each(
        &mut self,
        json: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Some(table) = self.table(json) else { return each(json) };
        for row in table.rows.unwrap_or_default() {
            each(self.row(row.get().as_bytes()))?;
        }
        Ok(())
    }

    /// Takes what stands before a list's objects: whether these are rows.
    pub(crate) fn head(&mut self, json: &[u8]) -> bool {
        self.table(json).is_some()
    }

    fn table<'a>(&mut self, json: &'a [u8]) -> Option<Table<'a>> {
        if !self.tables {
            return None;
        }
        let table = serde_json::from_slice::<Table<'_>>(json).ok().filter(|t| t.kind == KIND)?;
        if let Some(columns) = &table.columns {
            self.r#type = columns.iter().position(|column| column.name == TYPE);
        }
        Some(table)
    }

    /// A row as an object; a torn one as it is.
    pub(crate) fn row<'a>(&'a mut self, row: &'a [u8]) -> &'a [u8] {
        match serde_json::from_slice(row) {
            Ok(parsed) => self.object(&parsed),
            Err(_) => row,
        }
    }

    fn object(&mut self, row: &Row<'_>) -> &[u8] {
        let cell = self.r#type.zip(row.cells.as_ref()).and_then(|(at, cells)| cells.get(at));
        let kind = cell.map(|cell| cell.get()).filter(|cell| cell.starts_with('"'));
        self.object.clear();
        let parts = kind.map(|kind| ["{\"type\":", kind, ",\"metadata\":"]);
        let parts = parts.unwrap_or(["{", "", "\"metadata\":"]);
        for part in parts.into_iter().chain([row.object.metadata.get(), "}"]) {
            self.object.extend_from_slice(part.as_bytes());
        }
        &self.object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(columns: &mut Columns, json: &str) -> Vec<String> {
        let mut objects = Vec::new();
        let each = |object: &[u8]| {
            objects.push(String::from_utf8(object.to_vec()).unwrap());
            Ok(())
        };
        columns.each(json.as_bytes(), each).unwrap();
        objects
    }

    fn table(columns: &str, rows: &str) -> String {
        format!(r#"{{"kind":"Table","metadata":{{}},"columnDefinitions":{columns},"rows":{rows}}}"#)
    }

    #[test]
    fn the_first_table_names_the_columns_of_all() {
        let mut columns = Columns::new(Extent::Typed);
        let first = table(
            r#"[{"name":"Name"},{"name":"Type","format":""}]"#,
            r#"[{"cells":["a","x/\"y\"",1],"object":{"kind":"PartialObjectMetadata","metadata":{"name":"a"}}},
                {"cells":["b","z"],"object":{"metadata":{"name":"b"}}}]"#,
        );
        assert_eq!(
            objects(&mut columns, &first),
            [
                r#"{"type":"x/\"y\"","metadata":{"name":"a"}}"#,
                r#"{"type":"z","metadata":{"name":"b"}}"#
            ]
        );
        let next = table("null", r#"[{"cells":["c","w"],"object":{"metadata":{"name":"c"}}}]"#);
        assert_eq!(objects(&mut columns, &next), [r#"{"type":"w","metadata":{"name":"c"}}"#]);
        // Columns of another answer are others.
        let mut other = Columns::new(Extent::Typed);
        assert_eq!(objects(&mut other, &next), [r#"{"metadata":{"name":"c"}}"#]);
        let moved = table(r#"[{"name":"Type"}]"#, r#"[{"cells":["c"],"object":{"metadata":{}}}]"#);
        assert_eq!(objects(&mut columns, &moved), [r#"{"type":"c","metadata":{}}"#]);
        assert!(objects(&mut columns, &table("[]", "[]")).is_empty());
        assert!(objects(&mut columns, r#"{"kind":"Table"}"#).is_empty());
    }

    #[test]
    fn a_torn_row_costs_itself() {
        let columns = r#"[{"name":"Name"},{"name":"Type"}]"#;
        let of = |row: &str| objects(&mut Columns::new(Extent::Typed), &table(columns, row));
        let plain = [r#"{"metadata":{"name":"a"}}"#];
        for cells in ["[]", "null", r#"["a"]"#, r#"["a",7]"#, r#"["a",{"b":1}]"#, r#"["a",null]"#] {
            let row = format!(r#"[{{"cells":{cells},"object":{{"metadata":{{"name":"a"}}}}}}]"#);
            assert_eq!(of(&row), plain, "{cells}");
        }
        assert_eq!(of(r#"[{"object":{"metadata":{"name":"a"}}}]"#), plain);
        let torn = r#"[7,{"cells":["a","b"]},{"cells":["a","b"],"object":null},{"cells":["a","b"],"object":{"metadata":{"name":"a"}}}]"#;
        let found = of(torn);
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(found[3], r#"{"type":"b","metadata":{"name":"a"}}"#);
        // Half a table is what it is.
        for text in [r#"{"kind":"Table","rows":7}"#, "[]", r#"{"kind":"Table","rows":[{]}"#] {
            assert_eq!(objects(&mut Columns::new(Extent::Typed), text), [text]);
        }
        // Where no tables were asked for, nothing is one.
        let secret = table(columns, "[]");
        assert_eq!(objects(&mut Columns::new(Extent::Whole), &secret), [secret.as_str()]);
    }
}
