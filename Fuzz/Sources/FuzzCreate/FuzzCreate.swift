import Containers
import JSON

/// Any JSON object as the body of a create is refused with a client's error and a sentence, or judged the same again. The first part,
/// up to a NUL byte, is the image's configuration.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let parts = UnsafeBufferPointer(start: data, count: count)
        .split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map(Array.init)
    guard parts.count == 2, let image = object(parts[0]), let body = object(parts[1]) else { return 0 }
    do throws(APIError) {
        try CreateJudgement.judge(body, image: image)
    } catch {
        precondition([400, 403, 404, 409, 501].contains(error.status), "\(error.status) \(error)")
        precondition(!error.description.isEmpty)
    }
    return 0
}

private func object(_ bytes: [UInt8]) -> JSONObject? {
    do throws(JSONError) { return try JSON(parsing: bytes).object } catch { return nil }
}
