import Glibc
import JSON

/// What the server says to its eye: a line of JSON each. The end of it is the server's.
struct EyeCommands {
    enum Command {
        /// Whether anybody looks at the page.
        case watched(Bool)
        case check(JSON)
        case goals(JSON)
        /// A flow is to be forgotten.
        case forget(String)
        case journey
    }

    private(set) var isOver = false
    private var buffer: [UInt8] = []
    private static let most = 64 << 20

    /// What waits at standard input.
    mutating func take() -> [Command] {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = read(STDIN_FILENO, &chunk, chunk.count)
        if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR || buffer.count > EyeCommands.most {
            isOver = true
            return []
        }
        if count > 0 { buffer += chunk[..<count] }
        var commands: [Command] = []
        while let end = buffer.firstIndex(of: 0x0a) {
            let line = Array(buffer[..<end])
            buffer.removeFirst(end + 1)
            if let json = try? JSON(parsing: line), let command = EyeCommands.command(json) { commands.append(command) }
        }
        return commands
    }

    private static func command(_ json: JSON) -> Command? {
        if let isWatched = json["watched"]?.bool { return .watched(isWatched) }
        if let check = json["check"] { return .check(check) }
        if let goals = json["goals"] { return .goals(goals) }
        if let id = json["forget"]?.string { return .forget(id) }
        if json["journey"] != nil { return .journey }
        return nil
    }

    static func bytes(_ command: Command) -> [UInt8] {
        let json: JSON =
            switch command {
            case .watched(let isWatched): ["watched": .bool(isWatched)]
            case .check(let check): ["check": check]
            case .goals(let goals): ["goals": goals]
            case .forget(let id): ["forget": .string(id)]
            case .journey: ["journey": true]
            }
        return json.bytes + [0x0a]
    }
}
