import Glibc
public import NetCore

extension Watcher {
    /// How many packets a second the tables of a watch would tell of, by a look at the wires. Each passes several chains and so
    /// makes several events: the figure is the least that would come.
    public static func rate(
        _ nodes: [NodeReference], _ filter: PacketFilter, isFirstOnly: Bool = true, milliseconds: Int = 250
    ) throws(TraceError) -> Int {
        let wanted = (filter.protocols ?? [1, 6, 17, 58]).intersection([1, 6, 17, 58])
        let captures = try nodes.map { node throws(TraceError) in try FrameCapture(node) }
        let began = now
        var count = 0
        var all = 0
        while now - began < milliseconds {
            var waiting = captures.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            poll(&waiting, nfds_t(waiting.count), Int32(max(1, Int64(milliseconds) - (now - began))))
            for capture in captures {
                for frame in try capture.frames() {
                    all += 1
                    guard let headers = frame.headers, wanted.contains(headers.protocolNumber) else { continue }
                    if headers.isTCP, isFirstOnly, (headers.flags ?? 0) & 0x06 == 0 { continue }
                    count += 1
                }
            }
        }
        // Of what there was no room for as many as of what was read.
        let lost = captures.reduce(0) { $0 + $1.losses }
        return (count + lost * count / max(1, all)) * 1000 / max(1, Int(now - began))
    }
}
