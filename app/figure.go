package app

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// Figure is a plotly.js figure, for the Figure of a dcc.Graph. Data is a list
// of traces and Layout the layout, shaped as plotly.js documents them; Frames
// are those of an animation.
//
//	app.Figure{
//		Data:   app.List{app.Dict{"type": "bar", "x": names, "y": counts}},
//		Layout: app.Dict{"title": app.Dict{"text": "Counts"}},
//	}
type Figure struct {
	Data   List `json:"data"`
	Layout Dict `json:"layout"`
	Frames List `json:"frames,omitempty"`
}

// MarshalJSON encodes the figure; what is nil is sent empty, as plotly.js expects.
func (f Figure) MarshalJSON() ([]byte, error) {
	return appendJSON(nil, f.dict())
}

func (f Figure) dict() Dict {
	d := Dict{"data": f.Data, "layout": f.Layout}
	if f.Data == nil {
		d["data"] = List{}
	}
	if f.Layout == nil {
		d["layout"] = Dict{}
	}
	if f.Frames != nil {
		d["frames"] = f.Frames
	}
	return d
}

// TypedArray wraps a slice of numbers ([]float64, []int, ...), or a slice of
// equally long slices of them, so that a figure carries it in plotly.js's
// binary form: smaller than text and faster to draw. Dash's go.Figure does the
// same with numpy arrays. Integers take the narrowest form that holds them; 64
// bit integers that no form holds stay text, as does what is not a slice of
// numbers. A binary array cannot be changed by a Patch.
func TypedArray(numbers any) any {
	v := reflect.ValueOf(numbers)
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return numbers
	}
	var shape []string
	rows := []reflect.Value{v}
	for k := v.Type().Elem().Kind(); k == reflect.Slice || k == reflect.Array; {
		width := -1
		var next []reflect.Value
		for _, row := range rows {
			for i := range row.Len() {
				if width >= 0 && row.Index(i).Len() != width {
					return numbers // ragged
				}
				width = row.Index(i).Len()
				next = append(next, row.Index(i))
			}
		}
		if len(next) == 0 {
			return numbers
		}
		shape = append(shape, strconv.Itoa(len(next)/max(1, product(shape))))
		rows = next
		k = rows[0].Type().Elem().Kind()
	}
	dtype, data, ok := packNumbers(rows)
	if !ok {
		return numbers
	}
	d := Dict{"dtype": dtype, "bdata": base64.StdEncoding.EncodeToString(data)}
	if len(shape) > 0 {
		d["shape"] = strings.Join(append(shape, strconv.Itoa(rows[0].Len())), ", ")
	}
	return d
}

func product(shape []string) int {
	n := 1
	for _, s := range shape {
		k, _ := strconv.Atoi(s)
		n *= k
	}
	return n
}

// packNumbers packs rows of one numeric type, little endian.
func packNumbers(rows []reflect.Value) (dtype string, data []byte, ok bool) {
	kind := rows[0].Type().Elem().Kind()
	switch kind {
	case reflect.Float64:
		for _, row := range rows {
			for i := range row.Len() {
				data = binary.LittleEndian.AppendUint64(data, math.Float64bits(row.Index(i).Float()))
			}
		}
		return "f8", data, true
	case reflect.Float32:
		for _, row := range rows {
			for i := range row.Len() {
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(row.Index(i).Float())))
			}
		}
		return "f4", data, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var low, high int64
		for _, row := range rows {
			for i := range row.Len() {
				low, high = min(low, row.Index(i).Int()), max(high, row.Index(i).Int())
			}
		}
		size := 4
		switch {
		case kind == reflect.Int8 || (kind != reflect.Int16 && kind != reflect.Int32 && low >= math.MinInt8 && high <= math.MaxInt8):
			size = 1
		case kind == reflect.Int16 || (kind != reflect.Int32 && low >= math.MinInt16 && high <= math.MaxInt16):
			size = 2
		case low < math.MinInt32 || high > math.MaxInt32:
			return "", nil, false
		}
		for _, row := range rows {
			for i := range row.Len() {
				data = appendLittleEndian(data, uint64(row.Index(i).Int()), size)
			}
		}
		return "i" + strconv.Itoa(size), data, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var high uint64
		for _, row := range rows {
			for i := range row.Len() {
				high = max(high, row.Index(i).Uint())
			}
		}
		size := 4
		switch {
		case kind == reflect.Uint8 || (kind != reflect.Uint16 && kind != reflect.Uint32 && high <= math.MaxUint8):
			size = 1
		case kind == reflect.Uint16 || (kind != reflect.Uint32 && high <= math.MaxUint16):
			size = 2
		case high > math.MaxUint32:
			return "", nil, false
		}
		for _, row := range rows {
			for i := range row.Len() {
				data = appendLittleEndian(data, row.Index(i).Uint(), size)
			}
		}
		return "u" + strconv.Itoa(size), data, true
	}
	return "", nil, false
}

func appendLittleEndian(b []byte, n uint64, size int) []byte {
	for range size {
		b = append(b, byte(n))
		n >>= 8
	}
	return b
}
