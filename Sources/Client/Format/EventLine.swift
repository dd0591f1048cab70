public import JSON

/// An event as docker prints it: `2026-11-27T01:02:03.000000004Z container start 3f2a… (image=busybox, name=web)`.
public enum EventLine {
    public static func text(_ event: JSON) -> String {
        let nanos = event["timeNano"]?.integer ?? (event["time"]?.integer ?? 0) * 1_000_000_000
        let moment = Moment(seconds: nanos / 1_000_000_000, nanoseconds: nanos % 1_000_000_000)
        let attributes = event["Actor"]?["Attributes"]?.object ?? [:]
        let words = attributes.keys.sorted().map { "\($0)=\(attributes[$0]?.string ?? "")" }
        return "\(moment.preciseText) \(event["Type"]?.string ?? "") \(event["Action"]?.string ?? "") "
            + (event["Actor"]?["ID"]?.string ?? "") + (words.isEmpty ? "" : " (\(words.joined(separator: ", ")))")
    }
}
