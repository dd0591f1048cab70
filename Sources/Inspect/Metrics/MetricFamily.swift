/// A set of measurements under one name, in the text of OpenMetrics 1.0.
///
/// All are gauges: Prometheus' older text form, which node_exporter reads, knows those too, and takes what it does not
/// know (`# UNIT`, `# EOF`) for comments.
public struct MetricFamily: Hashable, Sendable {
    /// A name of a label with its value, which may be any text.
    public struct Label: Hashable, Sendable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public struct Sample: Hashable, Sendable {
        public let labels: [Label]
        /// A number as it stands in the text.
        public let value: String
    }

    public let name: String
    public let help: String
    /// The name ends with it, as the form asks.
    public let unit: String?
    /// No two have the same labels: the form forbids it.
    public private(set) var samples: [Sample] = []
    private var seen: Set<[Label]> = []

    public init(_ name: String, _ help: String, unit: String? = nil) {
        self.name = unit.map { "\(name)_\($0)" } ?? name
        self.help = help
        self.unit = unit
    }

    /// One more, unless there is one with these labels.
    public mutating func add(_ value: some BinaryInteger, _ labels: Label...) { add("\(value)", labels) }

    /// 1 for true, 0 for false.
    public mutating func add(_ value: Bool, _ labels: Label...) { add(value ? "1" : "0", labels) }

    /// Whole microseconds, as the seconds that the form asks for.
    public mutating func add(microseconds: Int, _ labels: Label...) {
        let fraction = "\(microseconds % 1_000_000)"
        let zeros = String(repeating: "0", count: 6 - fraction.count)
        add("\(microseconds / 1_000_000).\(zeros)\(fraction)", labels)
    }

    private mutating func add(_ value: String, _ labels: [Label]) {
        guard seen.insert(labels).inserted else { return }
        samples.append(Sample(labels: labels, value: value))
    }

    /// Its lines, those that describe it first; nothing when there is no sample.
    public var text: String {
        guard !samples.isEmpty else { return "" }
        var text = "# TYPE \(name) gauge\n"
        if let unit { text += "# UNIT \(name) \(unit)\n" }
        text += "# HELP \(name) \(MetricFamily.escaped(help))\n"
        for sample in samples {
            let labels = sample.labels.map { "\($0.name)=\"\(MetricFamily.escaped($0.value))\"" }
            text += name + (labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}") + " \(sample.value)\n"
        }
        return text
    }

    /// A whole exposition.
    public static func exposition(_ families: [MetricFamily]) -> String {
        families.map(\.text).joined() + "# EOF\n"
    }

    /// Backslash, quotation mark and line feed are written as two characters each. By scalars: "\r\n" is one Character.
    static func escaped(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped.append(contentsOf: "\\\\".unicodeScalars)
            case "\"": escaped.append(contentsOf: "\\\"".unicodeScalars)
            case "\n": escaped.append(contentsOf: "\\n".unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }
}
