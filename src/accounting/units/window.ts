/** Calendar windows; weeks start on Monday unless told otherwise. */
export type CalendarUnit = "minute" | "hour" | "day" | "week" | "month" | "quarter";
