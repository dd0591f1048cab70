import Glibc
import JSON
import NetCore

/// A digest over what a check tells, so that a number which was changed afterwards is seen. It is no signature: who can run berth
/// can make one. What tells two learners' work apart is the run, which names one world.
enum Evidence {
    static func added(to object: JSONObject) -> JSON {
        var object = object
        object["evidence"] = .string(digest(object))
        return .object(object)
    }

    /// Whether the object is as it was written.
    static func holds(_ object: JSONObject) -> Bool {
        object["evidence"]?.string == digest(object.removing("evidence"))
    }

    private static func digest(_ object: JSONObject) -> String {
        hex(Digest.sha256("berth lab check\n" + JSON.object(object).prettyText), digits: 32)
    }
}

extension World {
    /// Of this world alone: made of the holder's identity and the machine's boot.
    var runName: String {
        let boot = (try? Files.read("/proc/sys/kernel/random/boot_id", limit: 256)) ?? []
        return hex(
            Digest.sha256("\(String(decoding: boot, as: UTF8.self)) \(holder.pid) \(holder.start)"), digits: 16)
    }
}
