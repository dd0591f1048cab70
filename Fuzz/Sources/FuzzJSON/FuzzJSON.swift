import JSON

/// Any bytes are refused with a place inside them, or read; what is read is written so that it reads the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    do throws(JSONError) {
        let json = try JSON(parsing: bytes)
        precondition(String(validating: bytes, as: UTF8.self) != nil, "what is read is UTF-8")
        do throws(JSONError) {
            let again = try JSON(parsing: json.bytes)
            precondition(again == json, "the compact text reads the same")
            precondition(again.text == json.text, "and is written the same")
            let pretty = try JSON(parsing: Array(json.prettyText.utf8))
            precondition(pretty == json, "the pretty text reads the same")
        } catch {
            fatalError("what was written is refused: \(error): \(json.text)")
        }
    } catch {
        precondition(error.line >= 1 && error.column >= 1 && !error.message.isEmpty)
        precondition(error.line <= count + 1 && error.column <= count + 1)
    }
    return 0
}
