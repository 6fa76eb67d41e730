//! What the lines of a table mean together.

use crate::model::{Field, Kind, Struct, Table, Type, Versions};

impl Table {
    /// Completes what depends on other lines, and refuses what they contradict.
    pub(crate) fn resolve(&mut self) -> Result<(), String> {
        self.mark_uses()?;
        for structure in &self.structs {
            for field in &structure.fields {
                check(structure, field)
                    .map_err(|reason| format!("{}.{}: {reason}", structure.name, field.name))?;
            }
            self.check_depth(structure, 0)?;
        }
        let request = self.messages.first().map(|it| it.versions);
        if let (Some(api), Some(request)) = (&mut self.api, request) {
            if self.messages.len() != 2 || self.messages[1].versions != request {
                return Err("an API has a request and a response of the same versions".into());
            }
            let unsaid = Versions {
                first: -1,
                last: -1,
            };
            if api.advertised == Some(unsaid) {
                api.advertised = Some(request);
            }
        }
        Ok(())
    }

    /// A struct is there in all versions of the fields that have it.
    fn mark_uses(&mut self) -> Result<(), String> {
        let mut index = 0;
        // What one struct gains, those within it gain after it: few rounds, as few as levels.
        let mut rounds = 0;
        while index < self.structs.len() && rounds < 1000 {
            rounds += 1;
            let flexible = self.structs[index].flexible;
            let uses: Vec<_> = self.structs[index]
                .fields
                .iter()
                .filter_map(usage)
                .collect();
            index += 1;
            for (name, versions, is_element) in uses {
                let used = self.structs.iter().position(|it| it.name == name);
                let used = used.ok_or_else(|| format!("`{name}` is not defined"))?;
                if self.structs[used].flexible != flexible {
                    return Err(format!("`{name}` is flexible from two versions"));
                }
                self.structs[used].is_element |= is_element;
                if self.structs[used].widen(versions) {
                    index = index.min(used);
                }
            }
        }
        Ok(())
    }

    /// Structs end: a message does not contain itself, however deep.
    fn check_depth(&self, structure: &Struct, depth: usize) -> Result<(), String> {
        if structure.fields.is_empty() && depth > 0 {
            return Err(format!("`{}` has no fields", structure.name));
        }
        if depth > 8 {
            return Err(format!("`{}` contains itself", structure.name));
        }
        for field in &structure.fields {
            let (Type::One(kind) | Type::Array(kind)) = &field.kind;
            if let Kind::Struct(name) = kind {
                self.check_depth(self.structure(name), depth + 1)?;
            }
        }
        Ok(())
    }

    /// The fewest bytes that a struct takes in one version.
    pub fn min_size(&self, structure: &Struct, version: i16) -> usize {
        let fields = structure.fields.iter();
        let there = fields.filter(|it| it.tag.is_none() && it.versions.contains(version));
        let is_flexible = structure.is_flexible(version);
        let sizes = there.map(|it| self.min_size_of(it, version, is_flexible));
        sizes.sum::<usize>() + usize::from(is_flexible)
    }

    fn min_size_of(&self, field: &Field, version: i16, is_flexible: bool) -> usize {
        let is_compact = is_flexible && !field.plain;
        match &field.kind {
            Type::One(Kind::Struct(_)) if field.may_be_null(version) => 1,
            Type::One(kind) => self.min_size_of_kind(kind, version, is_compact),
            Type::Array(_) => {
                if is_compact {
                    1
                } else {
                    4
                }
            }
        }
    }

    /// The fewest bytes of one value, or one element of an array.
    pub fn min_size_of_kind(&self, kind: &Kind, version: i16, is_compact: bool) -> usize {
        match kind {
            Kind::Struct(name) => self.min_size(self.structure(name), version),
            Kind::String | Kind::Bytes | Kind::Records | Kind::StoredRecords if is_compact => 1,
            Kind::String => 2,
            Kind::Bytes | Kind::Records | Kind::StoredRecords => 4,
            other => other.fixed_size().unwrap_or(1),
        }
    }
}

/// The struct that a field has, in which versions, and whether in an array.
fn usage(field: &Field) -> Option<(String, Versions, bool)> {
    match &field.kind {
        Type::One(Kind::Struct(name)) => Some((name.clone(), field.versions, false)),
        Type::Array(Kind::Struct(name)) => Some((name.clone(), field.versions, true)),
        _ => None,
    }
}

impl Struct {
    /// Lets it be there in more versions; false when it was already.
    fn widen(&mut self, versions: Versions) -> bool {
        let around = self.versions;
        self.versions = around.union(versions);
        // A field without versions of its own is there whenever its struct is.
        for field in &mut self.fields {
            if field.versions == around {
                field.versions = self.versions;
                field.null = field.null.map(|it| match it == around {
                    true => self.versions,
                    false => it,
                });
            }
        }
        self.versions != around
    }
}

fn check(structure: &Struct, field: &Field) -> Result<(), String> {
    let can_be_null = match &field.kind {
        Type::Array(_) => true,
        Type::One(kind) => kind.fixed_size().is_none() && *kind != Kind::StoredRecords,
    };
    if field.null.is_some() && !can_be_null {
        return Err("a value of this type is never null".into());
    }
    if let (Some(_), Some(first)) = (field.tag, structure.flexible)
        && field.versions.first < first
    {
        return Err("it is tagged in versions that are not flexible".into());
    }
    let shares = |it: &Field| it.tag == field.tag && it.name != field.name;
    if field.tag.is_some() && structure.fields.iter().any(shares) {
        return Err("another field has its tag".into());
    }
    match field.default.as_deref() {
        None => Ok(()),
        Some("null") if field.null.is_some() => Ok(()),
        Some(default) => {
            let fits = match &field.kind {
                Type::One(Kind::Bool) => default == "true",
                Type::One(Kind::Int8) => default.parse::<i8>().is_ok(),
                Type::One(Kind::Int16) => default.parse::<i16>().is_ok(),
                Type::One(Kind::Int32) => default.parse::<i32>().is_ok(),
                Type::One(Kind::Int64) => default.parse::<i64>().is_ok(),
                _ => false,
            };
            match fits {
                true => Ok(()),
                false => Err(format!("`{default}` is no default of its type")),
            }
        }
    }
}
