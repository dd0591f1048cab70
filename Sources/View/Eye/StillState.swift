import Glibc
public import JSON
import NetCore

/// One look, for a page that is a file.
public enum StillState {
    /// The state as it is now. Throws when nothing can be looked at.
    public static func read(_ wish: EyeWish) throws -> JSON {
        let child = Background.child(["view-eye", wish.json.text], seconds: 20)
        // The eye sees the end of its input, and ends; what it had to say first is said by then.
        let outcome = try child.run()
        var rest = outcome.output[...]
        while let end = rest.firstIndex(of: 0x0a) {
            let parts = String(decoding: rest[..<end], as: UTF8.self).split(separator: " ")
            guard parts.count == 3, let length = Int(parts[2]), rest.count > length else { break }
            let bytes = Array(rest[(end + 1)...].prefix(length))
            if parts[0] == Frame.Name.state.rawValue, let json = try? JSON(parsing: bytes) { return json }
            rest = rest[(end + 1 + length)...]
        }
        let said = String(decoding: outcome.errors, as: UTF8.self)
        throw ViewError(
            .nothing, "there is nothing to show\(said.isEmpty ? "" : ": \(said)")",
            fix: "start a lab: berth lab start 01")
    }
}
