import CKernel
import Glibc
import Lab
import NetCore
import Topology
import Trace

/// Whatever may make a page show something else, and the descriptors at which that is heard.
final class EyeSources {
    struct News {
        /// The kernel, or the world's recorder, told of something that the map shows.
        var map = false
        /// Flows, and with them the counters of rules.
        var traffic = false
        var progress = false
    }

    private let watch: MapWatch
    private var flows: [ConntrackNode] = []
    private var recorder: Int32
    private let folder: Int32

    /// From now on nothing is missed. `recorder` is a world's (`World.changes`), closed with this; -1 for none.
    init(_ references: [NodeReference], recorder: Int32, folder: Int32) throws(TopologyError) {
        (self.recorder, self.folder) = (recorder, folder)
        watch = try MapWatch(references, forwarding: true)
        for reference in references {
            do throws(TraceError) {
                let node = try ConntrackNode(reference)
                try node.watch()
                flows.append(node)
            } catch { continue }  // A kernel without conntrack events: flows are read by the clock.
        }
    }

    deinit { if recorder >= 0 { close(recorder) } }

    var descriptors: [Int32] {
        watch.descriptors + flows.map(\.descriptor) + [recorder, folder].filter { $0 >= 0 }
    }

    /// Reads what waits. Throws when a node is gone.
    func take() throws(TopologyError) -> News {
        var news = News()
        news.map = try watch.take()
        for node in flows {
            do throws(TraceError) {
                if !(try node.events(ConntrackFilter())).isEmpty { news.traffic = true }
            } catch { news.traffic = true }
        }
        var bytes = [UInt8](repeating: 0, count: 4096)
        while recorder >= 0 {
            let count = recv(recorder, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                // RecorderLine.Signal.traffic is told by conntrack, too.
                if bytes[..<count].contains(UInt8(ascii: "c")) { news.map = true }
            } else if count < 0, errno == EAGAIN || errno == EINTR {
                break
            } else {
                close(recorder)
                recorder = -1
            }
        }
        while folder >= 0, read(folder, &bytes, bytes.count) > 0 { news.progress = true }
        return news
    }
}
