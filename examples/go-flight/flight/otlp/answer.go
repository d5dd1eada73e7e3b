package otlp

import "encoding/binary"

// partialSuccess is what a receiver that accepted a request says of the records that it did not take: field 1 of all
// Export…ServiceResponse messages of OTLP.
type partialSuccess struct {
	rejected uint64
	message  string
}

// parsePartialSuccess reads an answer. One that cannot be read says nothing.
func parsePartialSuccess(body []byte) partialSuccess {
	var answer partialSuccess
	fields(body, func(number, _ uint64, bytes []byte) {
		if number != 1 {
			return
		}
		fields(bytes, func(number, value uint64, bytes []byte) {
			switch number {
			case 1:
				answer.rejected = value
			case 2:
				answer.message = string(bytes)
			}
		})
	})
	return answer
}

// fields hands on the fields of a protobuf message, with the value of a varint or the bytes of a length-delimited one, until
// something is malformed.
func fields(message []byte, field func(number, value uint64, bytes []byte)) {
	varint := func() (uint64, bool) {
		value, n := binary.Uvarint(message)
		if n <= 0 {
			return 0, false
		}
		message = message[n:]
		return value, true
	}
	for len(message) > 0 {
		tag, ok := varint()
		if !ok {
			return
		}
		var value uint64
		length := uint64(0)
		switch tag & 7 {
		case 0:
			value, ok = varint()
		case 1:
			length = 8
		case 2:
			length, ok = varint()
		case 5:
			length = 4
		default:
			return
		}
		if !ok || length > uint64(len(message)) {
			return
		}
		field(tag>>3, value, message[:length])
		message = message[length:]
	}
}
