//! Macros that declare a model and its columns once: field, how it is read, and the contract's name of its column.

/// A model whose rows are held in memory, its texts in one allocation.
///
/// `texts` have an accessor each: `required` gives `&str`, `optional` `Option<&str>`, `zone` the time zone in a JSON object.
/// `values` are public fields: `integer` and `boolean` give `Option`s. `with times` adds created_at and updated_at.
macro_rules! held_model {
    ($(#[$doc:meta])* $model:ident {
        texts { $($(#[$text_doc:meta])* $text:ident: $kind:ident $text_column:literal),+ $(,)? }
        $(values { $($value:ident: $read:ident $value_column:literal),+ $(,)? })?
        $(with $times:ident)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $model {
            texts: $crate::models::Texts<{ [$($text_column),+].len() }>,
            $($(pub $value: field_type!($read),)+)?
            $(pub $times: $crate::models::Times,)?
        }

        // A scope for the names of the texts and columns.
        const _: () = {
            #[allow(non_camel_case_types, reason = "the names are those of the accessors")]
            #[derive(Clone, Copy)]
            enum Text { $($text),+ }

            #[derive(Debug)]
            pub struct Columns {
                $($text: $crate::row::Column,)+
                $($($value: $crate::row::Column,)+)?
                $($times: $crate::models::TimesColumns,)?
            }

            impl $crate::models::Model for $model {
                type Columns = Columns;

                fn bind(binding: &$crate::columns::Binding<'_>) -> Columns {
                    Columns {
                        $($text: binding.column($text_column),)+
                        $($($value: binding.column($value_column),)+)?
                        $($times: $crate::models::TimesColumns::bind(binding),)?
                    }
                }

                fn read(columns: &Columns, row: &mut $crate::models::Reading<'_, '_>) -> Self {
                    Self {
                        texts: $crate::models::Texts::new([$(&*read_text!($kind, row, &columns.$text)),+]),
                        $($($value: row.$read(&columns.$value),)+)?
                        $($times: columns.$times.read(row),)?
                    }
                }
            }

            impl $model {
                $(text_accessor!($(#[$text_doc])* $kind $text);)+
            }
        };
    };
}

/// A model of a table whose rows are only passed by; its texts are borrowed from the row, and empty where absent.
macro_rules! borrowed_model {
    ($(#[$doc:meta])* $model:ident, $columns:ident {
        $($(#[$field_doc:meta])* $field:ident: $read:ident $column:literal),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $model<'r> {
            $($(#[$field_doc])* pub $field: field_type!($read, 'r),)+
            pub times: $crate::models::Times,
            /// Whether the row is soft-deleted.
            pub deleted: bool,
        }

        /// Where the columns are in a block.
        #[derive(Clone, Debug)]
        pub struct $columns {
            $($field: $crate::row::Column,)+
            times: $crate::models::TimesColumns,
            soft: $crate::models::SoftDeletion,
        }

        impl $columns {
            #[must_use]
            pub fn bind(binding: &$crate::columns::Binding<'_>) -> Self {
                Self {
                    $($field: binding.column($column),)+
                    times: $crate::models::TimesColumns::bind(binding),
                    soft: $crate::models::SoftDeletion::bind(binding, true),
                }
            }

            /// Reads a row; the first value that breaks a rule, if any, beside it.
            #[must_use]
            pub fn read<'r>(&self, row: &$crate::row::Row<'r>) -> ($model<'r>, Option<$crate::row::FieldError>) {
                let mut row = $crate::models::Reading::new(row);
                let model = $model {
                    $($field: row.$read(&self.$field),)+
                    times: self.times.read(&mut row),
                    deleted: self.soft.read(&mut row),
                };
                (model, row.into_fault())
            }
        }
    };
}

macro_rules! field_type {
    (integer $(, $lifetime:lifetime)?) => { Option<i64> };
    (boolean $(, $lifetime:lifetime)?) => { Option<bool> };
    (timestamp $(, $lifetime:lifetime)?) => { Option<$crate::value::Timestamp> };
    (required, $lifetime:lifetime) => { &$lifetime str };
    (text, $lifetime:lifetime) => { &$lifetime str };
}

macro_rules! read_text {
    (required, $row:ident, $column:expr) => {
        $row.required($column)
    };
    (optional, $row:ident, $column:expr) => {
        $row.text($column)
    };
    (zone, $row:ident, $column:expr) => {
        $crate::models::zone($row.text($column))
    };
}

macro_rules! text_accessor {
    ($(#[$doc:meta])* required $text:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $text(&self) -> &str {
            self.texts.get(Text::$text as usize)
        }
    };
    ($(#[$doc:meta])* $kind:ident $text:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $text(&self) -> Option<&str> {
            $crate::models::present(self.texts.get(Text::$text as usize))
        }
    };
}

pub(super) use {borrowed_model, field_type, held_model, read_text, text_accessor};
