import Trace

/// Any bytes are refused in a sentence, or read: then each packet lies inside them, is of an interface that is there, and can be told.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    do throws(PcapngReader.Fault) {
        let file = try PcapngReader(bytes)
        precondition(file.packets.reduce(0) { $0 + $1.bytes.count } <= count)
        for packet in file.packets {
            precondition(file.interfaces.indices.contains(packet.interface))
            precondition(packet.comments.count <= count)
        }
        let text = CaptureTable(file).text
        precondition(text.utf8.allSatisfy { $0 >= 32 || $0 == 10 }, "no control characters reach the terminal")
        precondition(text.split(separator: "\n").count > file.packets.count)
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}
