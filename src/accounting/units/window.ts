export type CalendarUnit = "minute" | "hour" | "day" | "week" | "month" | "quarter";
