import Glibc
import Images

/// Any manifest and configuration in an archive that is none the less one are refused with 400 and a sentence, or give images that the
/// store has and can remove; nothing is left. The input's parts stand between NUL bytes: which form it is (`d` for docker save's),
/// manifest or index, configuration or manifest by its digest, a layer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var parts = UnsafeBufferPointer(start: data, count: count)
        .split(separator: 0, maxSplits: 3, omittingEmptySubsequences: false).map(Array.init)
    while parts.count < 4 { parts.append([]) }
    let isSaved = parts[0].first == UInt8(ascii: "d")
    let names =
        isSaved ? ["manifest.json", "c.json", "layer.tar"] : ["index.json", "blobs/sha256/a", "blobs/sha256/b"]
    var archive: [UInt8] = []
    for (name, content) in zip(names, parts.dropFirst()) { append(name, content, to: &archive) }
    archive += [UInt8](repeating: 0, count: 1024)
    precondition(ftruncate(file, 0) == 0 && pwrite(file, archive, archive.count, 0) == archive.count)
    lseek(file, 0, SEEK_SET)
    do throws(ImageError) {
        _ = try store.load(from: file)
        for image in try store.images() { _ = try store.remove(image.id, force: true, used: []) }
        let left = try store.images()
        precondition(left.isEmpty, "an image that was removed is there")
    } catch {
        precondition(error.status == 400 && !error.description.isEmpty, "\(error.status) \(error)")
    }
    return 0
}

private let directory: String = {
    var path = Array("/tmp/berth-fuzz-image-XXXXXX".utf8CString)
    precondition(mkdtemp(&path) != nil, "a temporary directory")
    return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}()
private let store = ImageStore(directory + "/images")
/// One file for all inputs: its content is replaced.
private let file: Int32 = {
    let number = open(directory + "/archive", O_RDWR | O_CREAT | O_EXCL, 0o600)
    precondition(number >= 0, "a temporary file")
    return number
}()

/// A header of ustar with its checksum, and the content in blocks.
private func append(_ name: String, _ content: [UInt8], to archive: inout [UInt8]) {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at place: Int) {
        for (index, byte) in text.utf8.enumerated() { header[place + index] = byte }
    }
    func octal(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 8)
        return String(repeating: "0", count: digits - text.utf8.count) + text
    }
    put(name, at: 0)
    put("0000644", at: 100)
    put("0000000", at: 108)
    put("0000000", at: 116)
    put(octal(content.count, digits: 11), at: 124)
    put("00000000000", at: 136)
    put("        ", at: 148)
    put("0", at: 156)
    put("ustar", at: 257)
    put("00", at: 263)
    put(octal(header.reduce(0) { $0 + Int($1) }, digits: 6), at: 148)
    header[154] = 0
    archive += header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
}
