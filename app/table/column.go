package table

import "dashd/app"

// Column is one column of a [DataTable].
type Column struct {
	ID   string `json:"id"`   // key of the cells in the rows of Data
	Name any    `json:"name"` // header: a string, or a []string for several header rows

	Type         ColumnType   `json:"type,omitempty"`
	Presentation Presentation `json:"presentation,omitempty"`
	Editable     *bool        `json:"editable,omitempty"` // unset is what the table says

	// Actions of the header: bool, a []bool for several header rows, "first" or "last".
	Clearable  any `json:"clearable,omitempty"`
	Deletable  any `json:"deletable,omitempty"`
	Hideable   any `json:"hideable,omitempty"`
	Renamable  any `json:"renamable,omitempty"`
	Selectable any `json:"selectable,omitempty"`

	Format        app.Dict `json:"format,omitempty"`         // keys locale, nully, prefix, specifier
	FilterOptions app.Dict `json:"filter_options,omitempty"` // keys case, placeholder_text
	OnChange      app.Dict `json:"on_change,omitempty"`      // keys action, failure
	SortAsNull    []any    `json:"sort_as_null,omitempty"`   // strings, numbers or bools
	Validation    app.Dict `json:"validation,omitempty"`     // keys allow_null, default, allow_YY
}

// ColumnsOf returns a column for each name, which is its ID too.
func ColumnsOf(names ...string) []Column {
	columns := make([]Column, len(names))
	for i, name := range names {
		columns[i] = Column{ID: name, Name: name}
	}
	return columns
}

// ColumnType is the type of the data of a column.
type ColumnType string

const (
	ColumnTypeAny      ColumnType = "any" // as if unset
	ColumnTypeNumeric  ColumnType = "numeric"
	ColumnTypeText     ColumnType = "text"
	ColumnTypeDatetime ColumnType = "datetime"
)

// Presentation is how a column shows its data.
type Presentation string

const (
	PresentationInput    Presentation = "input" // as if unset
	PresentationDropdown Presentation = "dropdown"
	PresentationMarkdown Presentation = "markdown"
)
