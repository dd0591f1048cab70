public import JSON

/// A stream of JSON values, one after the other, whether or not lines part them.
public struct JSONLines {
    private let response: Response
    private var pending: [UInt8] = []
    private var scanned = 0
    private var depth = 0
    private var isInString = false
    private var isEscaped = false

    public init(_ response: Response) { self.response = response }

    /// The next value; nil at the end. Waits for it.
    public mutating func next() throws(ClientError) -> JSON? {
        while true {
            if let end = wholeValue() {
                let text = Array(pending[..<end])
                pending.removeFirst(end)
                scanned = 0
                do throws(JSONError) {
                    return try JSON(parsing: text)
                } catch {
                    throw ClientError("the daemon's stream is not JSON", by: error.description)
                }
            }
            let bytes = try response.read()
            if bytes.isEmpty { return nil }
            pending += bytes
        }
    }

    /// Where the first whole object ends.
    private mutating func wholeValue() -> Int? {
        while scanned < pending.count {
            let byte = pending[scanned]
            scanned += 1
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return scanned }
            default: break
            }
        }
        return nil
    }
}
