import CNI

/// Any CNI_ARGS are refused with code 4, or read; what is read is written so that it reads the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: data, count: count), as: UTF8.self)
    do throws(CNIError) {
        let arguments = try CNIArguments(text)
        precondition(arguments.text == text, "the pairs are the text")
        for pair in arguments.pairs { precondition(!pair.key.isEmpty && arguments[pair.key] != nil) }
        try arguments.requireKnown(["IP", "MAC"])
        let flag = arguments["IgnoreUnknown"]
        precondition(
            flag == "1" || flag?.lowercased() == "true"
                || arguments.pairs.allSatisfy { ["IP", "MAC", "IgnoreUnknown"].contains($0.key) })
    } catch {
        precondition(error.code == 4 && error.message.hasPrefix("ARGS: "))
    }
    return 0
}
