import CContainer
import Glibc
import JSON
import NetCore

/// What holder and world have between them. The leash: the holder's end closes with the holder, and the world sees it. The
/// answer: nothing when the world stands, else why not. The nodes: a pidfd each, in the description's order.
struct Lines {
    let leash: (world: Int32, holder: Int32)
    let answer: (world: Int32, holder: Int32)
    let nodes: (world: Int32, holder: Int32)

    static func open() throws(LabError) -> Lines {
        try during("make the holder's pipes") { () throws(KernelError) in
            var (leash, answer, nodes): ([Int32], [Int32], [Int32]) = ([-1, -1], [-1, -1], [-1, -1])
            try check("make a pipe") { berth_new_pipe(&leash) }
            try check("make a pipe") { berth_new_pipe(&answer) }
            try check("make a pair of sockets") { berth_new_pair(&nodes) }
            return Lines(
                leash: (leash[0], leash[1]), answer: (answer[1], answer[0]), nodes: (nodes[1], nodes[0]))
        }
    }

    /// In the holder.
    func closeRoots() { for number in [leash.world, answer.world, nodes.world] { close(number) } }

    /// In the world, before anything else: only the holder may have the leash's other end.
    func closeHolders() { for number in [leash.holder, answer.holder, nodes.holder] { close(number) } }

    /// Returns when the world stands. Throws what kept it, or that it said nothing for so long.
    func answer(seconds: Int32) throws(LabError) {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            var polled = pollfd(fd: answer.holder, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, seconds * 1000) > 0 else {
                throw LabError(.kernel, "the world did not stand within \(seconds) seconds", fix: "start it again")
            }
            let count = read(answer.holder, &chunk, chunk.count)
            if count > 0 { bytes += chunk[..<count] } else { break }
        }
        if bytes == Array("stands".utf8) { return }
        throw (try? JSON(parsing: bytes)).flatMap { LabError($0) }
            ?? LabError(
                .kernel, "the world's first process ended as it built", fix: "see why: dmesg; then start it again")
    }

    /// Where the world's shells call the holder; after the nodes. Negative when the world is gone.
    func calls() -> Int32 { berth_receive_descriptor(nodes.holder) }

    /// The next node's, as this process's /proc counts (man 2 pidfd_open); nil when it is gone.
    func process() -> ProcessIdentity? {
        let handle = berth_receive_descriptor(nodes.holder)
        guard handle >= 0 else { return nil }
        defer { close(handle) }
        guard let bytes = try? Files.read("/proc/self/fdinfo/\(handle)", limit: 65536) else { return nil }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        where line.utf8.starts(with: "Pid:".utf8) {
            return Int32(line.dropFirst(4).filter { $0 != "\t" && $0 != " " }).flatMap { ProcessIdentity(pid: $0) }
        }
        return nil
    }
}
