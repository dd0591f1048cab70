import Glibc
import Images

/// One file for all inputs: its content is replaced.
private let file: Int32 = {
    var path = Array("/tmp/berth-fuzz-tar-XXXXXX".utf8CString)
    let number = mkstemp(&path)
    precondition(number >= 0, "a temporary file")
    unlink(path)
    return number
}()

/// Any bytes are refused with 400 and a sentence, or are an archive, plain or in gzip, of names that stay below a directory. The
/// headers' checksums are made right first: a fuzzer does not guess them.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var bytes = Array(UnsafeBufferPointer(start: data, count: count))
    if bytes.first != 0x1f { mend(&bytes) }
    precondition(ftruncate(file, 0) == 0 && pwrite(file, bytes, bytes.count, 0) == bytes.count)
    lseek(file, 0, SEEK_SET)
    do throws(ImageError) {
        for name in try RootArchive.names(from: file) {
            let parts = name.split(separator: "/", omittingEmptySubsequences: false)
            precondition(
                name.isEmpty || parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }, "below the directory")
            precondition(!name.utf8.contains(0))
        }
    } catch {
        precondition(error.status == 400 && !error.description.isEmpty, "\(error.status) \(error)")
    }
    return 0
}

private func mend(_ bytes: inout [UInt8]) {
    for start in stride(from: 0, to: bytes.count - 511, by: 512) where bytes[start + 257] == UInt8(ascii: "u") {
        for index in 148..<156 { bytes[start + index] = 0x20 }
        let sum = bytes[start..<(start + 512)].reduce(0) { $0 + Int($1) }
        let text = String(sum, radix: 8)
        let digits = Array((String(repeating: "0", count: max(0, 6 - text.utf8.count)) + text).utf8) + [0]
        for (index, digit) in digits.enumerated() { bytes[start + 148 + index] = digit }
    }
}
