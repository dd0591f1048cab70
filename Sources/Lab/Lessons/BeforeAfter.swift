import NetCore
import Trace

/// The way of a packet that did not do what a check wanted, until one does: what has changed between is told then.
struct BeforeAfter {
    private let place: String

    init(_ world: World) { place = "/proc/\(world.state.root.pid)/root/run/berth/before" }

    /// What has changed on the way of the packet that failed in a look before, when it came through in this one; and the way of what
    /// fails now is kept. Nothing where none failed before, or the world cannot keep it.
    func changes(with result: CheckResult) -> [String] {
        let sights = result.rows.flatMap(\.sights)
        var told: [String] = []
        if let kept = try? Files.read(place, limit: 1 << 20) {
            let lines = String(decoding: kept, as: UTF8.self).split(separator: "\n").map(String.init)
            let now = sights.last { $0.observation.what == lines.first && $0.sight.isMet && $0.sight.journey != nil }
            if let now, let journey = now.sight.journey {
                let changed = WayChange.difference(from: Array(lines.dropFirst()), to: WayChange.lines(of: journey))
                if !changed.isEmpty {
                    told = ["What has changed for \(now.observation.what):"] + changed.map { "  \($0)" }
                }
                try? Files.remove(place)
            }
        }
        if let failed = sights.last(where: { !$0.sight.isMet }), let journey = failed.sight.journey {
            let lines = [failed.observation.what] + WayChange.lines(of: journey)
            try? Files.replace(place, with: Array(lines.map { $0 + "\n" }.joined(by: "").utf8))
        }
        return told
    }
}
