import Images
import MiniRuntime
import NetCore

/// What has to be taken back when a start fails, the last first.
struct Undo {
    private var steps: [() -> Void] = []
    mutating func add(_ step: @escaping () -> Void) { steps.append(step) }
    mutating func run() {
        for step in steps.reversed() { step() }
        steps = []
    }
}

/// As far as it can be: what stays is found and removed by the next who looks.
func unlinkTree(_ path: String) { do throws(ImageError) { try FileTree.remove(path) } catch {} }

/// Other parts' errors as Docker's.
enum Faults {
    static func kernel<Value>(_ what: String, _ body: () throws(KernelError) -> Value) throws(APIError) -> Value {
        do throws(KernelError) { return try body() } catch { throw APIError(500, "\(what): \(error)") }
    }

    static func image<Value>(_ body: () throws(ImageError) -> Value) throws(APIError) -> Value {
        do throws(ImageError) { return try body() } catch { throw APIError(error.status, error.description) }
    }

    static func api(_ error: ShimError) -> APIError {
        // The client reads its exit code from these words.
        error.code == 126 || error.code == 127
            ? APIError(400, "failed to create task for container: \(error.text)") : APIError(500, error.text)
    }

    /// 127 for what is not there, 126 for what cannot be executed, else 128 as Docker writes down.
    static func exitCode(_ error: APIError) -> Int64 {
        if error.status == 400,
            error.description.holds("no such file or directory") || error.description.holds("executable file not found")
        {
            return 127
        }
        if error.status == 400, error.description.holds("failed to create task") { return 126 }
        return 128
    }

    /// Bytes of "10m", "1g", "500".
    static func bytes(_ text: String) -> Int? {
        let digits = text.prefix { $0.isNumber }
        guard let number = Int(digits), number >= 0 else { return nil }
        switch text.dropFirst(digits.count).lowercased() {
        case "", "b": return number
        case "k", "kb": return number << 10
        case "m", "mb": return number << 20
        case "g", "gb": return number << 30
        default: return nil
        }
    }
}
