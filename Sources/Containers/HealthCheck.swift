import JSON

/// What `Config.Healthcheck` asks for, with Docker's defaults filled in: a command that tells whether the container is well, and
/// when it runs. Times in nanoseconds, as the API has them.
struct HealthCheck: Hashable, Sendable {
    /// What is executed in the container.
    var arguments: [String]
    var interval: Int64 = 30_000_000_000
    var timeout: Int64 = 30_000_000_000
    /// Failures that early do not count, until it was well once.
    var startPeriod: Int64 = 0
    /// From one check to the next in that time.
    var startInterval: Int64 = 5_000_000_000
    /// So many failures in a row make it unhealthy.
    var retries = 3

    /// Nil when no check is asked for. Throws 400 for what cannot be one.
    init?(_ config: JSONObject) throws(APIError) {
        let body = try Body(config).body("Healthcheck")
        let test = try body.texts("Test", orOne: true)
        func time(_ key: String) throws(APIError) -> Int64? {
            let number = try body.number(key) ?? 0
            guard number == 0 || number >= 1_000_000 else {
                throw APIError(
                    400, "\(key) in Healthcheck cannot be less than 1ms: \(number) nanoseconds were asked for")
            }
            return number == 0 ? nil : number
        }
        let times = try (time("Interval"), time("Timeout"), time("StartPeriod"), time("StartInterval"))
        let retries = try body.number("Retries", in: 0...Int64(Int32.max)) ?? 0
        switch test.first {
        case nil, "NONE": return nil
        case "CMD" where test.count > 1: arguments = Array(test.dropFirst())
        case "CMD-SHELL" where test.count > 1:
            let shell = try Body(config).texts("Shell")
            arguments = (shell.isEmpty ? ["/bin/sh", "-c"] : shell) + test.dropFirst()
        case let kind?:
            throw APIError(
                400,
                ["CMD", "CMD-SHELL"].contains(kind)
                    ? "Healthcheck.Test is \(kind) without a command: name one behind it, or run with --no-healthcheck"
                    : "Healthcheck.Test begins with \"\(kind)\": it is NONE, CMD or CMD-SHELL; --no-healthcheck runs without"
            )
        }
        interval = times.0 ?? interval
        timeout = times.1 ?? timeout
        startPeriod = times.2 ?? startPeriod
        startInterval = times.3 ?? startInterval
        if retries > 0 { self.retries = Int(retries) }
    }

    /// `Healthcheck` of a create body over that of the image, part by part: zero and absent inherit.
    static func merged(_ asked: JSON?, over image: JSON?) -> JSON? {
        guard let own = image?.object, !own.isEmpty else { return asked }
        guard let asked, asked != .null else { return image }
        guard var object = asked.object else { return asked }
        for (key, value) in own {
            switch object[key] {
            case nil, .null, .integer(0): object[key] = value
            case .array(let elements) where elements.isEmpty: object[key] = value
            default: break
            }
        }
        return .object(object)
    }

    /// Nanoseconds from one check to the next, for a container that started that many nanoseconds ago.
    func pause(after age: Int64, _ status: Health.Status) -> Int64 {
        age < startPeriod && status == .starting ? startInterval : interval
    }

    /// A span of time in Go's words, as Docker writes it: 1.5s, 1m30s, 250ms.
    static func words(_ nanoseconds: Int64) -> String {
        func decimal(_ number: Int64, _ unit: Int64) -> String {
            var digits = String(number % unit)
            digits = String(repeating: "0", count: String(unit).utf8.count - 1 - digits.utf8.count) + digits
            while digits.hasSuffix("0") { digits.removeLast() }
            return digits.isEmpty ? "\(number / unit)" : "\(number / unit).\(digits)"
        }
        if nanoseconds < 1_000_000_000 { return decimal(nanoseconds, 1_000_000) + "ms" }
        let minutes = nanoseconds / 60_000_000_000
        let rest = decimal(nanoseconds % 60_000_000_000, 1_000_000_000) + "s"
        if minutes == 0 { return rest }
        return minutes < 60 ? "\(minutes)m\(rest)" : "\(minutes / 60)h\(minutes % 60)m\(rest)"
    }
}
