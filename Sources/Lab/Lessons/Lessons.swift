import NetCore

/// The lessons that come with the program, in the order in which they are taken.
public enum Lessons {
    public static let all: [Lesson] = [
        .emptyStack,
        .cable,
        .bridge,
        .neighbours,
        .routers,
        .masquerade,
        .publishAPort,
        .localhostTrap,
        .hairpin,
        .proxyOrKernel,
        .openFirewall,
        .staleUDP,
        .twoRoads,
        .bigPackets,
    ]

    /// After them, for who is root: containers themselves.
    public static let appendix: [Lesson] = [
        .hostNetworking, .limits, .processes, .controlSocket, .copyOnWrite, .privileged,
    ]

    public static func named(_ id: String) -> Lesson? {
        all.first { $0.id == id || $0.id == "0\(id)" } ?? appendix.first { $0.id == id.uppercased() }
    }

    /// The lesson of an id. Throws E-NAME with what was probably meant.
    public static func find(_ id: String) throws(LabError) -> Lesson {
        if let lesson = named(id) { return lesson }
        throw unknown(id)
    }

    /// One sentence for an id that is none, with the nearest that is: of lessons, of their titles' words, and of worlds.
    public static func unknown(_ id: String) -> LabError {
        let names =
            (all + appendix).map { lesson in
                let words = lesson.title.lowercased().split(separator: " ").map(String.init).filter {
                    $0.utf8.count > 3
                }
                let short = lesson.id.hasPrefix("0") ? [String(lesson.id.dropFirst())] : []
                return (lesson.id, [lesson.id, lesson.title.lowercased()] + short + words)
            } + StandardWorlds.all.map { ($0.name, [$0.name]) }
        let said = String(id.lowercased().prefix(64))
        let scored = names.map { name, texts in (name, texts.map { Spelling.distance(said, $0) }.min() ?? .max) }
        let near = scored.min { $0.1 < $1.1 }.flatMap { $0.1 <= max(1, said.utf8.count / 2) ? $0.0 : nil }
        return LabError(
            .name, "there is no lesson or world called \(id)" + (near.map { ": did you mean \($0)?" } ?? ""),
            fix: near.map { "berth lab start \($0)" } ?? "see what there is: berth lab list")
    }
}
